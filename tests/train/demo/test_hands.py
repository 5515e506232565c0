from pathlib import Path

import numpy as np
import pytest

from edge.ink.fragment_set import FragmentSet, join
from edge.ink.symbols import DIGITS, code_of
from train.data import datasets
from train.demo.hands import InventedHands, KeptHands, find_hands
from train.errors import TooFewWritersError, UnknownDatasetError, UnknownSymbolError
from train.synthetic.writers import style_of


def kept(texts: dict[int, str], kind: str = "pen") -> FragmentSet:
    """Return a set in which each writer wrote a text; every fragment is another one."""
    writers = np.repeat(np.array(list(texts), np.int32), [len(text) for text in texts.values()])
    symbols = np.array([code_of(symbol) for text in texts.values() for symbol in text], np.int32)
    order = np.concatenate([np.arange(len(text), dtype=np.int32) for text in texts.values()])
    pixels = np.zeros((len(writers), 33, 33), np.uint8)
    pixels.reshape(len(writers), -1)[np.arange(len(writers)), np.arange(len(writers))] = 255
    return FragmentSet(pixels, writers, symbols, order).of_kind(kind)


def test_what_a_writer_of_a_set_writes_is_what_was_asked_for_and_no_fragment_comes_twice() -> None:
    fragments = kept({3: "123123123", 8: "11112"})
    hands = KeptHands(fragments, "pen", DIGITS)
    words = [hands.write(3, "123"), hands.write(3, "321"), hands.write(3, "132")]
    seen = [fragment.tobytes() for word in words for fragment in word.fragments]
    assert len(set(seen)) == 9
    symbol = {pixels.tobytes(): int(code) for pixels, code in zip(fragments.pixels, fragments.symbol, strict=True)}
    assert "".join(str(symbol[one]) for one in seen) == "123321132"
    with pytest.raises(UnknownSymbolError, match="has not left"):
        hands.write(3, "1")
    with pytest.raises(UnknownSymbolError, match="has not left"):
        hands.write(8, "22")
    assert hands.able(8, 1) == "12"


def test_only_people_with_enough_of_different_symbols_are_taken() -> None:
    hands = KeptHands(kept({0: "121212", 1: "123123", 2: "1122334"}), "pen", DIGITS)
    assert hands.people(2, symbols=3, copies=2) == [1, 2]
    with pytest.raises(TooFewWritersError, match=r"2 of 3 writers .* needs 3"):
        hands.people(3, symbols=3, copies=2)
    with pytest.raises(TooFewWritersError):
        hands.people(1, symbols=4, copies=2)


def test_what_the_reader_does_not_read_is_not_written() -> None:
    assert KeptHands(kept({0: "1a2b"}), "pen", DIGITS).able(0, 1) == "12"


def test_invented_writers_write_anew_each_time_as_a_pen_board_sees_it_and_are_in_no_dataset() -> None:
    hands = InventedHands(DIGITS, bits=1)
    first, again, other = hands.write(0, "1234"), hands.write(0, "1234"), hands.write(1, "1234")
    for word in (first, again, other):
        assert set(np.unique(word.fragments)) == {0, 255}
        assert len(word.times) == len(word.fragments)
        assert all(duration for duration, _ in word.times)
    assert first.fragments.tobytes() != again.fragments.tobytes()
    assert hands.kind == "pen"
    of_sets = [style_of(0, seed).size_mm for seed in (0, datasets.STRANGERS_SEED)]
    assert hands._styles[0].size_mm not in of_sets


def test_a_set_of_several_kinds_is_refused_and_invented_writers_have_a_pen(tmp_path: Path) -> None:
    fragments = datasets.load("synthetic", writers=2, per_writer=40)
    for kind, as_board in {"invented": "pen", "scan": "scan", "unknown": "unknown", "camera": "camera"}.items():
        fragments.of_kind(kind).save(tmp_path / f"{kind}.npz")
        assert find_hands(str(tmp_path / f"{kind}.npz"), DIGITS, 1).kind == as_board
    pens, scans = fragments.of_writers([0]).of_kind("pen"), fragments.of_writers([1]).of_kind("scan")
    join([pens, scans]).save(tmp_path / "mixed.npz")
    with pytest.raises(UnknownDatasetError, match="scan and pen"):
        find_hands(str(tmp_path / "mixed.npz"), DIGITS, 1)
