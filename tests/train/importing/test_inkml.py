"""The claims of train.importing.inkml."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import InkgateError
from train.errors import ImportedFileError
from train.importing.inkml import read_inkml

TRUTH = '<annotation type="truth">7</annotation>'
TRACE = "<trace>0 0, 5 0, 2 9</trace>"
SEVEN = [[0, 0], [5, 0], [2, 9]]


def read(folder: Path, body: str, writer: str | None = None) -> list[tuple[str, str, list[list[list[float]]]]]:
    path = folder / "set.inkml"
    path.write_text(f'<?xml version="1.0"?><ink xmlns="http://www.w3.org/2003/InkML">{body}</ink>')
    return [(s.writer, s.character, [stroke.tolist() for stroke in s.strokes]) for s in read_inkml(path, writer)]


def test_symbols_are_groups_that_hold_their_traces_or_name_them(tmp_path: Path) -> None:
    held = f"<traceGroup>{TRUTH}{TRACE}<trace>1 4, 4 4</trace></traceGroup>"
    assert read(tmp_path, held) == [("set", "7", [SEVEN, [[1, 4], [4, 4]]])]
    view = '<traceGroup><annotation type="truth">1</annotation><traceView traceDataRef="#b"/></traceGroup>'
    named = f'<trace xml:id="a">1 1, 2 2</trace><trace xml:id="b">3 3, 3 9</trace><traceGroup>{view}</traceGroup>'
    assert read(tmp_path, named) == [("set", "1", [[[3, 3], [3, 9]]])]


def test_a_file_of_one_symbol_needs_no_group_and_what_is_above_the_paper_is_left_out(tmp_path: Path) -> None:
    up = '<trace type="penUp">9 9, 8 8</trace>'
    assert read(tmp_path, TRUTH + TRACE + up) == [("set", "7", [SEVEN])]


def test_the_writer_is_that_of_the_group_of_the_file_of_the_caller_or_the_files_name(tmp_path: Path) -> None:
    ada, ben = ('<annotation type="writer">Ada</annotation>', '<annotation type="writer">Ben</annotation>')
    groups = f"<traceGroup>{TRUTH}{ada}{TRACE}</traceGroup><traceGroup>{TRUTH}{TRACE}</traceGroup>"
    assert [symbol[0] for symbol in read(tmp_path, ben + groups)] == ["Ada", "Ben"]
    assert [symbol[0] for symbol in read(tmp_path, groups, "Cleo")] == ["Ada", "Cleo"]
    assert [symbol[0] for symbol in read(tmp_path, groups)] == ["Ada", "set"]


def test_channels_say_where_x_and_y_stand_which_way_they_point_and_their_unit(tmp_path: Path) -> None:
    form = '<traceFormat><channel name="T"/><channel name="Y" orientation="-ve"/><channel name="X" units="cm"/>'
    read(tmp_path, f"{form}</traceFormat>{TRUTH}<trace>0 5 1, 10 -4 2</trace>")
    (symbol,) = read_inkml(tmp_path / "set.inkml")
    assert symbol.per_mm == pytest.approx(0.1)
    np.testing.assert_array_equal(symbol.strokes[0], [[1, -5], [2, 4]])


@pytest.mark.parametrize(
    ("trace", "points"),
    [
        ("1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6", None),  # the Recommendation's own example
        ("10 20,'1'2,3 4,!100 !200", [[10, 20], [11, 22], [14, 26], [100, 200]]),
        ("0 0,1 1,'2'2,\"1\"1,1 1", [[0, 0], [1, 1], [3, 3], [6, 6], [10, 10]]),
        ("#A #1F, * 3", [[10, 31], [10, 3]]),
        ("1.5-2.5,1e1 .5", [[1.5, -2.5], [10, 0.5]]),
    ],
)
def test_values_are_explicit_differences_or_kept(tmp_path: Path, trace: str, points: list[list[float]] | None) -> None:
    ((_, _, (stroke,)),) = read(tmp_path, f"{TRUTH}<trace>{trace.replace('<', '')}</trace>")
    if points is None:
        x, speeds = 1125, [23, 30, 33, 40, 46, 52, 55]
        points_x = [x + sum(speeds[:place]) for place in range(8)]
        assert [row[0] for row in stroke] == points_x
    else:
        assert stroke == points


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (TRACE, "no trace group is labelled with one character"),
        (f"<traceGroup>{TRUTH}</traceGroup>", "the group of '7' has no trace"),
        (f"<traceGroup>{TRUTH}<traceView traceDataRef='#no'/></traceGroup>", "names trace 'no', which is not there"),
        (f"{TRUTH}<trace>1 2 3</trace>", "a point '1 2 3' has 3 of 2 values"),
        (f"{TRUTH}<trace>1</trace>", "a point '1' has 1 of 2 values"),
        (f"{TRUTH}<trace>one two</trace>", "'one two' is no point of a trace"),
        (f"{TRUTH}<trace>1e200 2</trace>", "a coordinate is not finite"),
        (f"<traceFormat><channel name='X'/></traceFormat>{TRUTH}{TRACE}", "no channels X and Y"),
        ("<trace>", "not well-formed XML"),
    ],
)
def test_a_malformed_file_is_a_sentence(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(ImportedFileError, match=says) as refused:
        read(tmp_path, body)
    assert "set.inkml" in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_before_they_can_grow(tmp_path: Path, encoding: str) -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE ink [<!ENTITY e0 "x">{entities}]><ink>&e9;</ink>'
    (tmp_path / "bomb.inkml").write_bytes(bomb.encode(encoding))
    with pytest.raises(ImportedFileError, match="document type"):
        read_inkml(tmp_path / "bomb.inkml")


def test_another_document_is_named(tmp_path: Path) -> None:
    (tmp_path / "set.inkml").write_text("<svg/>")
    with pytest.raises(ImportedFileError, match="the document is <svg>, not <ink>"):
        read_inkml(tmp_path / "set.inkml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("0123456789 ,'\"!*-+.#TFe?&;<>/a\n"), max_size=40))
def test_any_trace_is_read_or_refused_in_a_sentence(tmp_path: Path, trace: str) -> None:
    try:
        symbols = read(tmp_path, f"{TRUTH}<trace>{trace}</trace>")
    except InkgateError as refused:
        assert str(refused)  # noqa: PT017
    else:
        assert np.isfinite(symbols[0][2][0]).all()
