from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ink.fragment_set import FragmentSet
from train.network.sources import Source, split_by_share


def source(share: float = 1.0, symbols: tuple[int, ...] = (7, 3, 7)) -> Source:
    numbers = np.arange(len(symbols), dtype=np.int32)
    pixels = np.zeros((len(symbols), 33, 33), np.uint8)
    return Source("x", (FragmentSet(pixels, numbers % 2, np.array(symbols, np.int32), numbers),), share=share)


@given(st.lists(st.floats(0.1, 20), min_size=1, max_size=5), st.integers(1, 500))
def test_what_is_split_is_all_there_and_each_share_is_right_to_one(shares: list[float], total: int) -> None:
    parts = split_by_share([source(share) for share in shares], total)
    assert sum(parts) == total
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - total * share / sum(shares)) <= 1


def test_symbols_are_numbered_without_gaps_and_writers_are_counted_once() -> None:
    assert source().classes.tolist() == [1, 0, 1]
    assert source().writers == (0, 1)


@pytest.mark.parametrize("change", [{"share": 2.0}, {"name": "y"}, {"chances": (0.5,)}])
def test_whatever_changes_a_training_changes_the_identity(change: dict[str, object]) -> None:
    assert replace(source(), **change).identity != source().identity  # type: ignore[arg-type]
    assert source(symbols=(7, 3, 8)).identity != source().identity
