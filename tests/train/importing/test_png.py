"""The claims of train.importing.png and train.importing.pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.errors import ImportedFileError
from train.importing.pictures import fragment_of
from train.importing.png import read_png_folder
from train.synthetic.writers import synthetic_set

SEVEN = np.zeros((60, 40), np.uint8)
SEVEN[10:14, 8:32] = SEVEN[10:50, 28:32] = 255


def save(folder: Path, name: str, picture: np.ndarray, mode: str = "L") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).convert(mode).save(path)


def test_writers_and_symbols_are_named_by_folders_and_files_in_order(tmp_path: Path) -> None:
    for name in ("Ben/7_2.png", "Ben/a_10.png", "Ben/7_1.png", "Ada/Z.png", "Ada/unknown_3.png", "Cleo/5/any.png"):
        save(tmp_path, name, SEVEN)
    found = read_png_folder(tmp_path)
    assert found.writer_names == ("Ada", "Ben", "Cleo")
    assert found.writer.tolist() == [0, 0, 1, 1, 1, 2]
    assert found.symbol.tolist() == [35, -1, 7, 7, 36, 5]
    assert found.order.tolist() == [0, 1, 0, 1, 2, 0]


@pytest.mark.parametrize("zoom", [1, 4, 12])
def test_a_fragment_enlarged_and_turned_round_comes_back_as_it_was(tmp_path: Path, zoom: int) -> None:
    fragments = synthetic_set(1, 20, seed=3)
    for place, pixels in enumerate(fragments.pixels):
        save(tmp_path, f"w/0_{place}.png", np.kron(255 - pixels, np.ones((zoom, zoom), np.uint8)))
    again = read_png_folder(tmp_path, invert=True)
    wrong = (again.pixels >= 128) != (fragments.pixels >= 128)
    # A pixel at the edge of a line may fall on the other side where the box of whole pixels is laid anew.
    assert wrong.mean() < 0.03


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA"])
def test_every_mode_of_png_is_read_as_the_same_picture(tmp_path: Path, mode: str) -> None:
    save(tmp_path, "w/7_1.png", SEVEN, mode)
    np.testing.assert_array_equal(read_png_folder(tmp_path).pixels[0], fragment_of(SEVEN, "", False))


def test_ink_on_clear_ground_is_ink_on_white_paper(tmp_path: Path) -> None:
    clear = np.zeros((60, 40, 4), np.uint8)
    clear[..., 3] = SEVEN
    (tmp_path / "w").mkdir()
    Image.fromarray(clear, "RGBA").save(tmp_path / "w" / "7_1.png")
    pixels = read_png_folder(tmp_path, invert=True).pixels[0]
    np.testing.assert_array_equal(pixels, fragment_of(SEVEN, "", False))


def test_the_ink_is_25_pixels_large_and_its_mass_lies_in_the_middle() -> None:
    fragment = fragment_of(SEVEN, "seven", False)
    ink = fragment >= 128
    assert np.ptp(np.flatnonzero(ink.any(axis=1))) + 1 == 25
    weight = fragment / fragment.sum()
    places = np.arange(33)
    assert abs((weight.sum(axis=0) * places).sum() - 16) <= 0.5
    assert abs((weight.sum(axis=1) * places).sum() - 16) <= 3  # no ink may leave the fragment


def test_a_hair_line_in_a_large_picture_is_not_lost() -> None:
    picture = np.zeros((1000, 800), np.uint8)
    picture[100:900, 400:403] = picture[100:103, 200:600] = 255
    assert 20 <= np.count_nonzero(fragment_of(picture, "T", False) >= 128) <= 120


@pytest.mark.parametrize("invert", [False, True])
def test_pictures_of_both_polarities_are_told_apart_only_where_that_is_asked_for(invert: bool) -> None:
    right = fragment_of(SEVEN, "seven", invert)
    if invert:
        np.testing.assert_array_equal(fragment_of(255 - SEVEN, "seven", True), right)
    else:
        with pytest.raises(ImportedFileError, match=r"seven: a pixel is 0 .* border has the value 255; give --invert"):
            fragment_of(255 - SEVEN, "seven", False)


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (SEVEN * np.uint8(0), "the highest pixel is 0 and the paper 0"),
        (SEVEN // 255, "the highest pixel is 1 and the paper 0"),
        (np.maximum(SEVEN, 110), "the border has the value 110; make the paper black and the ink white"),
        (SEVEN[:1], "40 x 1 pixels are no picture of a symbol"),
        (np.zeros((5000, 3), np.uint8), "3 x 5000 pixels are no picture"),
    ],
)
def test_pictures_without_ink_or_paper_are_a_sentence(picture: np.ndarray, says: str) -> None:
    with pytest.raises(ImportedFileError, match=f"^there: .*{says}"):
        fragment_of(picture, "there", False)


@pytest.mark.parametrize("name", ["7_1.png", "w/x/y/7.png", "w/seven_1.png", "w/seven/1.png"])
def test_a_file_that_does_not_say_writer_and_symbol_is_named(tmp_path: Path, name: str) -> None:
    save(tmp_path, name, SEVEN)
    with pytest.raises(ImportedFileError, match=rf"{name}: is neither WRITER/SYMBOL_NUMBER\.png nor"):
        read_png_folder(tmp_path)


def test_a_folder_without_pictures_and_a_damaged_picture_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ImportedFileError, match=r"the folder has no file \.png"):
        read_png_folder(tmp_path)
    with pytest.raises(ImportedFileError, match="not a folder"):
        read_png_folder(tmp_path / "absent")
    save(tmp_path, "w/7_1.png", SEVEN)
    path = tmp_path / "w" / "7_1.png"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"GIF89a" + whole, b""):
        path.write_bytes(content)
        with pytest.raises(ImportedFileError, match=r"7_1\.png: no PNG picture, or a damaged one"):
            read_png_folder(tmp_path)
