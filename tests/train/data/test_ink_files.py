"""The claims of train.data.ink_files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.ink.plausible import check_ink
from train.data.datasets import INK_SOURCES, load, load_strokes
from train.data.ink import SYMBOL_MM, points_of
from train.data.ink_files import FILES, load_ink
from train.errors import CorruptDataError, MissingDataError, UnknownDatasetError

UNIPEN: dict[str, Any] = {
    "label": np.array(["7", "a", "é"]),
    "writer": np.int16([4, 4, 9]),
    "order": np.int32([1, 0, 5]),
    "day": np.int16([0, 3, -1]),
    "points_per_mm": np.float32([100, 100, 0]),
    "dx": np.int16([500, 30, 5, 100, -20, 0, 0]),
    "dy": np.int16([700, 0, -50, 900, 40, 80, 70]),
    "dt": np.int16([0, 10, 10, 0, 10, 0, 10]),
    "point_offset": np.int32([0, 2, 3, 5, 7]),
    "stroke_offset": np.int32([0, 2, 3, 4]),
}


def save(folder: Path, name: str, arrays: dict[str, Any]) -> None:
    path = folder / FILES[name]
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)


def test_differences_are_summed_within_a_stroke_and_y_is_turned_downwards(tmp_path: Path) -> None:
    save(tmp_path, "unipen", UNIPEN)
    ink = load_ink("unipen", tmp_path)
    # A unit of the first writer's tablet is 0.01 mm; the second one's 70 units are taken for 7 mm.
    assert [points_of(ink, n)[["x", "y", "stroke"]].tolist() for n in range(3)] == [
        [(495, 0, 0), (525, 0, 0), (0, 750, 1)],
        [(20, 40, 0), (0, 0, 0)],
        [(0, 700, 0), (0, 0, 0)],
    ]
    assert ink.symbol.tolist() == [7, 36, -1]
    assert (ink.writer.tolist(), ink.order.tolist(), ink.session.tolist()) == ([4, 4, 9], [1, 0, 5], [0, 3, -1])


@pytest.mark.parametrize(
    "change",
    [
        {"stroke_offset": np.int32([0, 2, 2, 4])},
        {"stroke_offset": np.int32([0, 2, 4])},
        {"point_offset": np.int32([0, 2, 3, 5, 9])},
        {"point_offset": np.int32([1, 2, 3, 5, 7])},
        {"writer": np.int16([1, 2])},
        {"dy": np.int16([1, 2])},
        {"label": None},
        {"label": np.array([{}, {}, {}], object)},
    ],
)
def test_a_file_whose_arrays_do_not_fit_together_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    arrays = {name: array for name, array in (UNIPEN | change).items() if array is not None}
    save(tmp_path, "unipen", arrays)
    with pytest.raises(CorruptDataError, match=r"unipen_digits\.npz is no file of pen strokes"):
        load_ink("unipen", tmp_path)


def test_a_file_that_is_missing_cut_or_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"unipen_digits\.npz is not in"):
        load_ink("unipen", tmp_path)
    save(tmp_path, "unipen", UNIPEN)
    path = tmp_path / FILES["unipen"]
    whole = path.read_bytes()
    for content in (whole[:100], whole[:60] + bytes(80) + whole[140:], b"no archive"):
        path.write_bytes(content)
        with pytest.raises(CorruptDataError, match=r"unipen_digits\.npz"):
            load_ink("unipen", tmp_path)


def test_only_sources_kept_as_strokes_have_strokes() -> None:
    with pytest.raises(UnknownDatasetError, match="no strokes are called 'qmnist'; take qmnist-ink, pendigits"):
        load_strokes("qmnist")


@pytest.mark.needs("ink")
@pytest.mark.parametrize(
    ("name", "symbols", "writers"),
    [
        ("pendigits", 7494, 30),
        ("unipen", 11_857, 180),
        ("unipen-sessions", 3347, 60),
        pytest.param("unipen-letters", 60_648, 144, marks=pytest.mark.slow("draws 60,648 symbols")),
    ],
)
def test_real_ink_is_handwriting_of_a_usual_size(name: str, symbols: int, writers: int) -> None:
    assert name in INK_SOURCES
    fragments = load(name, pixel_bits=8)
    assert (len(fragments), len(fragments.writers)) == (symbols, writers)
    check_ink(fragments.pixels, fragments.writer)
    share = (fragments.pixels >= 128).mean(axis=(1, 2))
    assert 0.09 < np.median(share) < 0.15  # QMNIST's scans: 0.14
    assert (fragments.pixels.max(axis=(1, 2)) == 255).mean() > 0.99


@pytest.mark.needs("ink")
def test_a_writers_digits_are_7_mm_where_nobody_knows_their_size() -> None:
    ink = load_ink("pendigits")
    points = [points_of(ink, number) for number in np.flatnonzero(ink.writer == 3)]
    sizes = [max(np.ptp(p["x"].astype(int)), np.ptp(p["y"].astype(int))) for p in points]
    assert np.median(sizes) == pytest.approx(100 * SYMBOL_MM, abs=1)
