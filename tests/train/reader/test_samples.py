"""Labels are places in the alphabet, and batches deal every sample equally often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import SYMBOLS, code_of
from train.errors import NothingToReadError
from train.reader.material import ALPHABETS, codes_of
from train.reader.samples import Pack, samples_of


def fragments(symbols: str) -> FragmentSet:
    """Return fragments that show these characters; every pixel of one is its place."""
    count = len(symbols)
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 33, 33))
    numbers = np.arange(count, dtype=np.int32)
    return FragmentSet(pixels, numbers, np.asarray([code_of(symbol) for symbol in symbols], np.int32), numbers)


def test_a_label_is_the_symbols_place_and_capitals_count_as_small_letters() -> None:
    found = samples_of(fragments("z7aB?b"), codes_of(ALPHABETS["letters"]))
    assert found.label.tolist() == [25, 0, 1, 1]
    assert found.pixels[:, 0, 0].tolist() == [0, 2, 3, 5]


def test_a_capital_with_a_place_of_its_own_keeps_it() -> None:
    codes = codes_of("aAb")
    assert [codes.get(code_of(symbol)) for symbol in "aAbBc"] == [0, 1, 2, 2, None]


def test_every_class_code_of_digits_is_its_place() -> None:
    assert codes_of(ALPHABETS["digits"]) == {code: code for code in range(10)}
    assert len(codes_of(ALPHABETS["letters"])) == len(SYMBOLS) - 10


def test_a_set_that_shows_nothing_of_the_alphabet_is_refused() -> None:
    with pytest.raises(NothingToReadError):
        samples_of(fragments("abc"), codes_of(ALPHABETS["digits"]))


def test_at_1_bit_pixels_are_cut_at_one_half() -> None:
    found = samples_of(fragments("0" * 200), codes_of("01")).to_bits(1)
    assert found.pixels[:, 0, 0].tolist() == [255 if place >= 128 else 0 for place in range(200)]


@given(count=st.integers(1, 40), size=st.integers(1, 70), steps=st.integers(1, 12), seed=st.integers(0, 5))
def test_batches_deal_each_sample_once_before_any_comes_again(count: int, size: int, steps: int, seed: int) -> None:
    pack = Pack(count, size, seed)
    dealt = np.concatenate([pack.deal(step) for step in range(steps)])
    for start in range(0, len(dealt) - count + 1, count):
        assert sorted(dealt[start : start + count]) == list(range(count))
    assert dealt.tolist() == np.concatenate([Pack(count, size, seed).deal(step) for step in range(steps)]).tolist()


def test_a_batch_depends_on_nothing_but_its_step() -> None:
    pack = Pack(100, 30, 1)
    late = pack.deal(50)
    pack.deal(3)
    assert pack.deal(50).tolist() == late.tolist()
    assert pack.deal(51).tolist() != late.tolist()
