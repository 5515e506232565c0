"""Digitisers that fall silent, slow ones and fast ones: the real firmware sends the same words."""

import time

import numpy as np
import pytest
from emulated import needs_tools, powered, words_of
from received import received

from firmware_bridge.emulate.emulated_board import EmulatedBoard, packets
from firmware_bridge.session.events import BoardFault
from train.synthetic.board_input import write_texts
from train.synthetic.digitiser import Samples

pytestmark = needs_tools

PENS = ["mps2-an386", "stm32f405", "rp2040", "nrf51"]
LIFTED = 5
"""Samples without contact that a digitiser sends before the pen is out of its reach."""


def of_a_silent_digitiser(samples: Samples) -> Samples:
    """Return the samples without those of a pen out of reach: over LIFTED samples after its last touch."""
    touches = samples[:, 2] > 0
    since = np.arange(len(samples)) - np.maximum.accumulate(np.where(touches, np.arange(len(samples)), 0))
    return samples[since <= LIFTED]


@pytest.mark.parametrize("board", PENS)
def test_a_digitiser_that_is_silent_while_the_pen_is_out_of_reach_ends_words_by_the_boards_clock(board: str) -> None:
    first, second = write_texts([3, 4], ["12", "7"], np.random.default_rng(5))
    with EmulatedBoard(powered(board, "pen"), []) as emulated:
        conversation = received(emulated.start(), 2)
        next(conversation)
        words = []
        for samples in (first, second):
            emulated.touch(packets(of_a_silent_digitiser(samples)))
            words.append(next(conversation))
    expected = [word for samples in (first, second) for word in words_of(samples)]
    for word, twin in zip(words, expected, strict=True):
        np.testing.assert_array_equal(word, twin)


def test_a_slow_digitiser_and_a_fast_one_write_the_same_word() -> None:
    (samples,) = write_texts([3], ["12"], np.random.default_rng(5))
    written = of_a_silent_digitiser(samples)
    (twin,) = words_of(samples)
    with EmulatedBoard(powered("mps2-an386", "pen"), []) as emulated:
        conversation = received(emulated.start(), 1)
        next(conversation)
        for sample in np.array_split(written, 7):
            emulated.touch(packets(sample))
            time.sleep(0.2)  # the digitiser's pace, less than the second that ends a word
        word = next(conversation)
    np.testing.assert_array_equal(word, twin)


def test_a_digitiser_that_fails_under_the_pen_is_a_fault_even_in_the_first_symbol_and_the_next_word_is_whole() -> None:
    (samples,) = write_texts([3], ["12"], np.random.default_rng(5))
    (twin,) = words_of(samples)
    with EmulatedBoard(powered("mps2-an386", "pen"), []) as emulated:
        conversation = received(emulated.start(), 2)
        next(conversation)
        emulated.touch(packets(samples[:20]))
        fault = next(conversation)
        emulated.touch(packets(samples))
        word = next(conversation)
    assert isinstance(fault, BoardFault)
    assert (fault.code, fault.text) == ("sensor_failed", "the digitiser fell silent in a word")
    np.testing.assert_array_equal(word, twin)
