"""The claims of train.importing.written and train.importing.reading."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import NamesError
from edge.ink.raster import POINT, raster_strokes
from train.data.ink import SYMBOL_MM
from train.errors import ImportedFileError
from train.importing.reading import files_of, read_bytes
from train.importing.written import Written, fragments_of_strokes, number


def bar(writer: str, height: float, per_mm: float = 0.0, character: str = "1") -> Written:
    return Written([np.array([[0.0, 0.0], [0.0, height]])], writer, character, per_mm)


def test_writers_are_numbered_as_they_appear_and_each_counts_on() -> None:
    writer, order, names = number(["Ben", "Ada", "Ben", "Cleo", "Ada"])
    assert (writer.tolist(), order.tolist(), names) == ([0, 1, 0, 2, 1], [0, 0, 1, 0, 1], ("Ben", "Ada", "Cleo"))


def test_a_size_that_is_not_plausible_is_replaced_by_the_usual_one() -> None:
    symbols = [bar("said", 50, 10), bar("unknown", 50), bar("absurd", 50, 1000)]
    found = fragments_of_strokes(symbols).pixels
    for pixels, height_mm in zip(found, (5, SYMBOL_MM, SYMBOL_MM), strict=True):
        points = np.array([(0, 0, 128, 0), (0, round(100 * height_mm), 128, 0)], POINT)
        np.testing.assert_array_equal(pixels, raster_strokes(points))


def test_names_that_cannot_be_shown_are_refused_and_characters_without_a_code_unknown() -> None:
    assert fragments_of_strokes([bar("Ada", 50, 0, "é"), bar("Ada", 50, 0, "")]).symbol.tolist() == [-1, -1]
    with pytest.raises(NamesError, match="printable"):
        fragments_of_strokes([bar("A\nda", 50)])


def test_a_folder_gives_its_files_in_order_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("b.XML", "a.inkml", "c.txt", ".d.inkml", "deep/e.inkml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = files_of(tmp_path, (".inkml", ".xml"))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.inkml", "b.XML", "deep/e.inkml"]


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "set").write_bytes(bytes(11))
    assert len(read_bytes(tmp_path / "set", 11)) == 11
    with pytest.raises(ImportedFileError, match="larger than the 10 bytes that are read"):
        read_bytes(tmp_path / "set", 10)
