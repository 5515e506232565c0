"""The claims of edge.ink.plausible."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_sets import save_raw

from edge.errors import FragmentSetError
from edge.ink.fragment_set import FragmentSet
from edge.ink.plausible import check_ink

Pixels = npt.NDArray[np.uint8]
EXPECTED = "a pixel is 0 where there is paper and 255 where there is ink"


def writing(count: int = 20, writers: int = 2) -> tuple[Pixels, npt.NDArray[np.int32]]:
    """Return upright bars of 4 by 25 pixels, and their writers."""
    pixels = np.zeros((count, 33, 33), np.uint8)
    pixels[:, 4:29, 14:18] = 255
    return pixels, (np.arange(count) % writers).astype(np.int32)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda pixels: 255 - pixels, "border of 20 of 20 fragments has the value 255; black and white are turned"),
        (lambda pixels: (255 - pixels) // 2, "has the value 127; make the paper 0"),
        (lambda pixels: np.maximum(pixels, 110), "has the value 110; make the paper 0"),
        (lambda pixels: pixels // 255, "highest pixel of 20 of 20 fragments is 1; multiply every pixel by 255"),
        (lambda pixels: pixels // 3, "highest pixel of 20 of 20 fragments is 85; ink begins at 128"),
        (lambda pixels: pixels * np.uint8(0), "20 of 20 fragments are blank"),
    ],
)
def test_pixels_of_another_scale_or_polarity_are_refused_with_what_was_found(
    change: Callable[[Pixels], Pixels], says: str, tmp_path: Path
) -> None:
    pixels, writer = writing()
    fragments = FragmentSet(pixels, writer, writer, writer)
    assert FragmentSet.load(save_raw(fragments, tmp_path / "right.npz")).sha256 == fragments.sha256
    wrong = save_raw(fragments, tmp_path / "wrong.npz", pixels=change(pixels))
    with pytest.raises(FragmentSetError, match=rf"wrong\.npz: {EXPECTED}, but .*{says}"):
        FragmentSet.load(wrong)


@given(st.integers(0, 4), st.sampled_from([0, 1, 255]))
def test_single_odd_fragments_do_not_refuse_a_set(odd: int, value: int) -> None:
    pixels, writer = writing()
    pixels[2 : 2 + 2 * odd : 2] = value  # up to four of writer 0's ten
    check_ink(pixels, writer)


def test_one_writer_turned_round_among_many_is_named() -> None:
    pixels, writer = writing(200, 20)
    pixels[writer == 7] ^= 255
    with pytest.raises(FragmentSetError, match="10 of 10 fragments of writer 7 has the value 255"):
        check_ink(pixels, writer)


def test_writing_that_fills_the_fragment_up_to_its_border_is_taken() -> None:
    pixels, writer = writing()
    pixels[:, [0, -1], :] = 255  # bars along two of four sides
    check_ink(pixels, writer)
