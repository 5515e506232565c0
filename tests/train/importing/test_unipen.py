"""The claims of train.importing.unipen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.ink.raster import POINT, raster_strokes
from firmware_bridge.errors import InkgateError
from train.errors import ImportedFileError
from train.importing.unipen import read_unipen
from train.importing.written import fragments_of_strokes

HEAD = ".VERSION 1.0\n.COORD X Y T\n.X_POINTS_PER_MM 100\n"
L_SHAPE = ".PEN_DOWN\n0 0 0\n0 -900 10\n600 -900 20\n"
BAR = ".PEN_DOWN\n2000 0 0\n2000 -900 10\n"
LIFT = ".PEN_UP\n700 0 30\n"


def write(folder: Path, text: str, name: str = "set.dat") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(folder: Path, text: str, writer: str | None = None) -> list[tuple[str, str, list[list[list[float]]]]]:
    """Return writer, character and strokes of every symbol."""
    found = read_unipen(write(folder, text), writer)
    return [(s.writer, s.character, [stroke.tolist() for stroke in s.strokes]) for s in found]


def test_a_symbol_is_drawn_as_a_pen_board_draws_the_same_points(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + '.SEGMENT CHARACTER 0 ? "L"\n' + L_SHAPE)
    points = np.array([(0, 0, 128, 0), (0, 900, 128, 0), (600, 900, 128, 0)], POINT)
    fragments = fragments_of_strokes(read_unipen(path))
    np.testing.assert_array_equal(fragments.pixels, [raster_strokes(points)])
    assert (fragments.symbol.tolist(), fragments.writer_names) == ([21], ("set",))


L_STROKE = [[0.0, 0.0], [0.0, 900.0], [600.0, 900.0]]
BAR_STROKE = [[2000.0, 0.0], [2000.0, 900.0]]


@pytest.mark.parametrize(
    "delineations",
    [
        ("0", "2"),  # pen up and pen down are counted
        ("0", "1"),  # pen down alone: a symbol would else begin with the pen up
        ("?", "?"),  # what follows
        ("0-1", "2-2"),
        ("0:0-0:2", "2:0"),
    ],
)
def test_delineations_count_components_as_the_file_does(tmp_path: Path, delineations: tuple[str, str]) -> None:
    segments = [f'.SEGMENT CHARACTER {parts} ? "{name}"\n' for parts, name in zip(delineations, "L1", strict=True)]
    if delineations[0] == "?":
        text = segments[0] + L_SHAPE + LIFT + segments[1] + BAR
    else:
        text = "".join(segments) + L_SHAPE + LIFT + BAR
    assert read(tmp_path, HEAD + text) == [("set", "L", [L_STROKE]), ("set", "1", [BAR_STROKE])]


def test_a_delineation_may_cut_strokes_and_leave_some_out(tmp_path: Path) -> None:
    text = HEAD + '.SEGMENT CHARACTER 0:1-0:2,2 ? "t"\n' + L_SHAPE + LIFT + BAR
    assert read(tmp_path, text) == [("set", "t", [L_STROKE[1:], BAR_STROKE])]


def test_writers_are_named_by_the_file_by_the_caller_or_by_its_name(tmp_path: Path) -> None:
    body = '.SEGMENT CHARACTER 0 OK "L"\n.WRITER_ID bob\n.SEGMENT CHARACTER 1 OK "1"\n' + L_SHAPE + BAR
    assert [symbol[0] for symbol in read(tmp_path, HEAD + body)] == ["set", "bob"]
    assert [symbol[0] for symbol in read(tmp_path, HEAD + body, "Ada")] == ["Ada", "bob"]


def test_columns_stand_where_coord_says_and_scales_may_differ(tmp_path: Path) -> None:
    head = ".COORD T Y P X\n.X_POINTS_PER_INCH 254\n.Y_POINTS_PER_INCH 508\n"
    path = write(tmp_path, head + '.SEGMENT CHARACTER 0 ? "l"\n.PEN_DOWN\n0 -20 9 5\n1 20 9 6\n')
    (symbol,) = read_unipen(path)
    assert symbol.per_mm == pytest.approx(10)
    np.testing.assert_allclose(symbol.strokes[0], [[5, 10], [6, -10]])


def test_segments_of_more_than_one_character_and_other_keywords_are_passed_over(tmp_path: Path) -> None:
    text = '.COMMENT 7 up\n and down\n.SEGMENT WORD 0-2 ? "Ll"\n.SEGMENT CHARACTER 0 ?\n"L"\n'
    assert read(tmp_path, HEAD + text + L_SHAPE + ".DT 100\n" + BAR) == [("set", "L", [L_STROKE])]


def test_included_files_are_found_in_include_folders_but_not_outside(tmp_path: Path) -> None:
    write(tmp_path / "top", HEAD + L_SHAPE, "include/ada/data.dat")
    write(tmp_path / "top", '.SEGMENT CHARACTER 0 ? "L"\n.INCLUDE ada/data.dat\n', "data/1a/set.dat")
    assert [(s.writer, s.character) for s in read_unipen(tmp_path / "top")] == [("set", "L")]
    write(tmp_path, HEAD + L_SHAPE, "secret.dat")
    for name in ("../secret.dat", str(tmp_path / "secret.dat"), "absent.dat"):
        write(tmp_path / "top", f'.SEGMENT CHARACTER 0 ? "L"\n.INCLUDE {name}\n', "data/1a/set.dat")
        with pytest.raises(ImportedFileError, match=r"set\.dat, line 2: \.INCLUDE .* is not there"):
            read_unipen(tmp_path / "top")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello\n", "no .SEGMENT with a label of one character"),
        ('.COORD X T\n.SEGMENT CHARACTER 0 ? "L"\n' + L_SHAPE, "line 1: .COORD without X and Y"),
        (HEAD + '.SEGMENT CHARACTER 5 ? "L"\n' + L_SHAPE, "line 4: names component 5, and there are 1"),
        (HEAD + '.SEGMENT CHARACTER 0-99999999 ? "L"\n' + L_SHAPE, "line 4: '0-99999999' is no range"),
        (HEAD + '.SEGMENT CHARACTER 3-1 ? "L"\n' + L_SHAPE, "line 4: '3-1' is no range"),
        (HEAD + '.SEGMENT CHARACTER a ? "L"\n' + L_SHAPE, "line 4: 'a' names no components"),
        (HEAD + '.SEGMENT CHARACTER ? ? "L"\n.PEN_UP\n0 0 0\n', "the pen was never down in 'L'"),
        (HEAD + '.SEGMENT CHARACTER 0 ? "L"\n.PEN_DOWN\n0 zero 0\n', "line 6: '0 zero 0' is not the numbers X Y T"),
        (HEAD + '.SEGMENT CHARACTER 0 ? "L"\n.PEN_DOWN\n0\n', "line 6: '0' is not the numbers X Y T"),
        (HEAD + '.SEGMENT CHARACTER 0 ? "L"\n.PEN_DOWN\nnan 0 0\n', "a coordinate is not finite"),
        (HEAD + '.SEGMENT CHARACTER 0 ? "L"\n.PEN_DOWN\n1e300 0 0\n', "a coordinate is not finite"),
        (".X_POINTS_PER_MM none\n", "line 1: 'none' is not a number"),
        (".X_POINTS_PER_MM 0\n", "line 1: 0 points cannot be"),
        (HEAD + ".INCLUDE set.dat\n", "more than 4 files include one another"),
    ],
)
def test_a_malformed_file_is_a_sentence_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ImportedFileError, match=says.replace(".", r"\.")) as refused:
        read_unipen(write(tmp_path, text))
    assert "set.dat" in str(refused.value)


LINES = st.sampled_from([*HEAD.splitlines(), *L_SHAPE.splitlines(), *LIFT.splitlines(), '.SEGMENT CHARACTER 0 ? "L"'])
NOISE = st.text(st.characters(codec="latin-1"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES | NOISE, max_size=25))
def test_any_text_is_read_or_refused_in_a_sentence(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "set.dat"
    path.write_bytes("\n".join(lines).encode("latin-1"))
    try:
        fragments = fragments_of_strokes(read_unipen(path), processes=1)
    except InkgateError as refused:
        assert str(refused)  # noqa: PT017
    else:
        assert len(fragments) >= 1
