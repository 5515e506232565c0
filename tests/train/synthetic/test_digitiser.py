"""A pen's strokes -> the digitiser's samples and the board's fragments, as in a synthetic set."""

from itertools import islice

import numpy as np
import pytest
from emulated import words_of
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ink.fragment import Pixels
from edge.ink.symbols import code_of
from train.synthetic.alphabet import SYMBOLS
from train.synthetic.digitiser import BOARD, Strokes, board_words, sample_symbol, sample_word
from train.synthetic.writers import invent_writer, style_of, synthetic_set, write_form, write_symbol

CUT = "kxy"
"""Letters whose second stroke some writers begin more than the board's gap to the right of the first."""


def sent(strokes: list[Strokes], symbols: int) -> list[Pixels]:
    """Return the fragments of 0 and 255 that a pen board's twin sends for words of `symbols` symbols."""
    words = [strokes[begin : begin + symbols] for begin in range(0, len(strokes), symbols)]
    return [fragment for word in words for arrived in words_of(sample_word(word)) for fragment in arrived]


@pytest.mark.parametrize("symbols", [7, 16, 110])
def test_a_synthetic_set_is_what_the_board_sends_of_the_same_writing_in_words_of_any_length(symbols: int) -> None:
    fragments = synthetic_set(4, 110, seed=11).to_bits(1)
    for writer in range(4):
        strokes = [strokes for _, strokes in islice(write_form(writer, seed=11), 110)]
        np.testing.assert_array_equal(fragments.of_writers([writer]).pixels, np.stack(sent(strokes, symbols))[:110])


def test_a_symbol_that_the_board_cuts_is_cut_in_a_synthetic_set_too_and_every_part_bears_its_name() -> None:
    fragments, cut = synthetic_set(8, 30, seed=2, symbols=CUT).to_bits(1), 0
    for writer in range(8):
        form = list(islice(write_form(writer, 2, CUT), 30))
        arrived = sent([strokes for _, strokes in form], 5)
        named = [code_of(symbol) for symbol, strokes in form for _ in sent([strokes], 1)]
        mine = fragments.of_writers([writer])
        np.testing.assert_array_equal(mine.pixels, np.stack(arrived)[:30])
        assert mine.symbol.tolist() == named[:30]
        cut += len(arrived) - 30
    assert cut > 0


@given(
    st.integers(0, 2**32),
    st.text(SYMBOLS, min_size=2, max_size=10),
    st.floats(1.8, 8.0),
    st.floats(0.05, 0.9),
    st.floats(0.0, 300.0),
)
@settings(max_examples=50, deadline=None)
def test_neither_place_nor_neighbours_nor_haste_change_a_symbols_fragments(
    seed: int, text: str, spacing_mm: float, pause_s: float, corner_mm: float
) -> None:
    style, rng = invent_writer(seed), np.random.default_rng(seed)
    symbols = [write_symbol(style, symbol, rng) for symbol in text]
    alone = [fragment for strokes in symbols for word in board_words(sample_word([strokes])) for fragment in word]
    (together,) = board_words(sample_word(symbols, spacing_mm, pause_s, left_mm=corner_mm, top_mm=corner_mm))
    np.testing.assert_array_equal(np.stack(together), np.stack(alone))


def test_the_digitiser_says_where_the_pen_was_and_nothing_while_it_was_off_the_paper() -> None:
    drawn = Strokes(
        x=np.array([2.0, 2.5, 1.0, 1.25]),
        y=np.array([3.0, 1.0, 2.0, 2.5]),
        t=np.array([0.0, 0.01, 0.04, 0.05]),
        pressure=np.array([1.0, 0.5, 1.25, 0.75]),
        stroke=np.array([0, 0, 1, 1], np.int32),
    )
    off = (0, 0, 0)
    expected = [(1100, 500, 1024), (1150, 700, 512), off, off, (1000, 600, 1280), (1025, 550, 768)]
    assert [tuple(row) for row in sample_symbol(drawn, 1000, 500).tolist()] == expected


def test_every_place_of_the_pen_is_one_sample() -> None:
    for writer in range(20):
        for symbol in "147x":
            strokes = write_symbol(style_of(writer), symbol, np.random.default_rng(writer))
            samples = sample_symbol(strokes, 0, 0)
            assert (samples[:, 2] > 0).sum() == len(strokes.t)
            assert len(samples) == round((strokes.t[-1] - strokes.t[0]) * BOARD.rate_hz) + 1


def test_nobody_presses_so_lightly_that_the_board_feels_nothing() -> None:
    for writer in range(200):
        strokes = write_symbol(style_of(writer), "8", np.random.default_rng(writer))
        assert BOARD.contact < BOARD.nominal * strokes.pressure.min()
        assert BOARD.nominal * strokes.pressure.max() < 1 << 16
