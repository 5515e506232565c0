"""Words to write, a link that needs no key, and the events that came over it."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from firmware_bridge.emulate.virtual_board import Word
from firmware_bridge.link import link
from firmware_bridge.link.link import Link
from firmware_bridge.session.events import Event, FragmentReceived, Statistics, WordEnded, WordStarted

open_link = partial(link.open_link, allow_unauthenticated=True)
"""A link that takes boards without keys."""

IDLE_S = 1.0
"""A fast board on a pty answers within milliseconds; repetitions pause for a few tenths at the loss used here."""


def make_words(count: int, length: int, bits: int = 1) -> list[Word]:
    rng = np.random.default_rng(9)
    if bits == 8:
        return [rng.integers(0, 256, (length, 33, 33), dtype=np.uint8) for _ in range(count)]
    return [(rng.random((length, 33, 33)) < 0.3).astype(np.uint8) * np.uint8(255) for _ in range(count)]


def collect(link: Link) -> tuple[list[tuple[int, int]], list[Word], list[Event]]:
    """Return keys and pixels of words that ended, and other events but Statistics, until the link ends."""
    names: list[tuple[int, int]] = []
    words: list[Word] = []
    others: list[Event] = []
    fragments: list[Word] = []
    for event in link.events():
        if isinstance(event, WordStarted):
            fragments = []
        elif isinstance(event, FragmentReceived):
            fragments.append(event.pixels)
        elif isinstance(event, WordEnded):
            names.append((event.session, event.word))
            words.append(np.array(fragments))
        elif not isinstance(event, Statistics):
            others.append(event)
    return names, words, others


def same(got: list[Word], expected: list[Word]) -> bool:
    return len(got) == len(expected) and all(map(np.array_equal, got, expected))


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - os.listdir closes its own descriptor before it returns
