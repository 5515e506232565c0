"""Other people's pictures: any kind of PNG, any size, damaged ones."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import PictureError
from edge.ink.fragment import Pixels
from edge.ink.segment import Segmentation, segment
from edge.look.picture import CAMERA, read_picture
from train.synthetic.picture import draw_picture
from train.synthetic.writers import synthetic_set

WORD = draw_picture(synthetic_set(2, 4, seed=3).pixels[:6], np.random.default_rng(1))


def saved(picture: Image.Image, path: Path) -> Pixels:
    picture.save(path)
    return read_picture(path)


def test_a_picture_of_a_cameras_size_is_taken_as_it_is(tmp_path: Path) -> None:
    assert (saved(Image.fromarray(WORD), tmp_path / "a.png") == WORD).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L"])
def test_every_kind_of_png_is_the_same_grey(mode: str, tmp_path: Path) -> None:
    read = saved(Image.fromarray(WORD).convert(mode), tmp_path / "a.png")
    assert np.abs(read.astype(int) - WORD).max() <= 1


def test_sixteen_bits_are_eight(tmp_path: Path) -> None:
    deep = Image.fromarray(WORD.astype(np.uint16) * 257)
    assert (saved(deep, tmp_path / "a.png") == WORD).all()


def test_clear_parts_are_white(tmp_path: Path) -> None:
    clear = np.zeros((60, 80, 4), np.uint8)
    clear[20:30, 20:30, 3] = 255
    read = saved(Image.fromarray(clear), tmp_path / "a.png")
    assert (read[0, 0], read[25, 25]) == (255, 0)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    assert set(np.unique(saved(Image.fromarray(WORD > 128), tmp_path / "a.png"))) == {0, 255}


@pytest.mark.parametrize("times", [2, 5, 11])
def test_a_large_picture_is_scaled_down_and_its_word_is_found(times: int, tmp_path: Path) -> None:
    large = Image.fromarray(WORD).resize((CAMERA[0] * times, CAMERA[1] * times), Image.Resampling.BICUBIC)
    read = saved(large, tmp_path / "a.png")
    assert read.shape == CAMERA[::-1]
    found = segment(read)
    assert isinstance(found, Segmentation)
    assert len(found.symbols) == 6


def test_proportions_stay_and_nothing_is_enlarged(tmp_path: Path) -> None:
    assert saved(Image.new("L", (3200, 100), 200), tmp_path / "a.png").shape == (10, 320)
    assert saved(Image.new("L", (3, 2), 200), tmp_path / "b.png").shape == (2, 3)
    assert saved(Image.new("L", (1, 5000), 200), tmp_path / "c.png").shape == (240, 1)


def test_a_photograph_that_lies_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    lying = Image.fromarray(np.rot90(WORD))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert read_picture(tmp_path / "a.jpg").shape == WORD.shape


def test_what_is_no_picture_is_a_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "a.png"
    Image.fromarray(WORD).save(whole)
    raw = whole.read_bytes()
    for name, content, told in (
        ("cut.png", raw[: len(raw) // 2], "damaged or cut short"),
        ("header.png", raw[:30], "PNG"),
        ("empty.png", b"", "neither a PNG nor a JPEG"),
        ("text.png", b"no picture\n" * 50, "neither a PNG nor a JPEG"),
        ("flipped.png", raw[:60] + bytes([raw[60] ^ 255]) + raw[61:], "damaged or cut short"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PictureError, match=told):
            read_picture(tmp_path / name)
    for missing in (tmp_path / "none.png", tmp_path):
        with pytest.raises(PictureError, match="cannot be read"):
            read_picture(missing)


def test_a_picture_that_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for side in (10_001, 100_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        bomb = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
        )
        (tmp_path / "bomb.png").write_bytes(bomb)
        with pytest.raises(PictureError, match="more than 100,000,000 pixels"):
            read_picture(tmp_path / "bomb.png")
