"""Emulated boards whose main loop hangs are restarted by their watchdog, and the host is told.

The STM32F405's is in test_stm32f405.py, the nRF51's in test_nrf51.py: QEMU has neither.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from emulated import hang, needs_tools, powered, symbol_ends, words_of

from firmware_bridge.emulate.emulated_board import EmulatedBoard, packets
from firmware_bridge.link.link import open_link
from firmware_bridge.session.events import Connected, Event, FragmentReceived, LinkLost, Statistics, WordEnded
from train.synthetic.board_input import write_texts

pytestmark = needs_tools

PATIENCE_S = 60
IDLE_S = {"mps2-an386": 5, "rp2040": 3}
"""A time by board, longer than its watchdog's."""


def until(events: Iterator[Event], found: Callable[[Event], bool]) -> list[Event]:
    """Return the events up to the one found, inclusive."""
    seen = []
    for event in events:
        seen.append(event)
        if found(event):
            break
    return seen


@pytest.mark.parametrize("board", IDLE_S)
def test_a_hang_in_mid_word_ends_in_a_new_session_and_the_word_after_it_arrives(board: str) -> None:
    (samples,) = write_texts([3], ["12"], np.random.default_rng(5))
    first_symbol = samples[: symbol_ends(samples)[0]]
    running = powered(board, "pen")
    with (
        EmulatedBoard(running, [], fast=True) as emulated,
        open_link(emulated.start(), idle_timeout_s=PATIENCE_S) as link,
    ):
        events = link.events()
        (before,) = until(events, lambda event: isinstance(event, Connected))
        emulated.touch(packets(first_symbol))
        assert isinstance(until(events, lambda event: isinstance(event, FragmentReceived))[-1], FragmentReceived)
        hang(running)
        told = until(events, lambda event: isinstance(event, Connected))
        lost, *_, after = [event for event in told if not isinstance(event, Statistics)]
        assert isinstance(lost, LinkLost), "an open word is UNAVAILABLE with that"
        emulated.touch(packets(samples))
        arrived = until(events, lambda event: isinstance(event, WordEnded))
    assert isinstance(before, Connected)
    assert isinstance(after, Connected)
    assert after.info.session == before.info.session + 1
    assert after.info.authenticated
    (word,) = words_of(samples)
    np.testing.assert_array_equal([event.pixels for event in arrived if isinstance(event, FragmentReceived)], word)


@pytest.mark.parametrize("board", IDLE_S)
def test_a_board_that_has_nothing_to_do_is_not_restarted(board: str) -> None:
    with (
        EmulatedBoard(powered(board, "pen"), [], fast=True) as emulated,
        open_link(emulated.start(), idle_timeout_s=IDLE_S[board]) as link,
    ):
        sessions = {event.info.session for event in link.events() if isinstance(event, Connected)}
    assert len(sessions) == 1
