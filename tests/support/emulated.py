"""Built firmware and emulated boards for tests: each app of each board is built once a test run."""

import functools

import numpy as np
import pytest
from numpy.typing import NDArray
from once import once

from edge.ink.pen import Pen, PenEvent
from edge.ink.raster import raster_strokes
from edge.ink.segment import Segmentation, segment, segment_fragment
from firmware_bridge.build.compile import Built, build
from firmware_bridge.build.elf import read_symbols
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.power_on import name_of, power_on
from firmware_bridge.emulate.qemu import Emulator, QemuBoard
from firmware_bridge.emulate.rp2040 import PicoBoard
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire.pixels import pack_bits, unpack_bits
from train.synthetic.digitiser import Samples

Pixels = NDArray[np.uint8]

needs_tools = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")


@functools.cache
def built(board: str, app: str) -> Built:
    """Build by gcc, into a folder that lasts as long as the test run."""
    return once(f"{board}-{app}", lambda folder: build(board, app, folder, toolchain="gcc"))


def powered(board: str, app: str) -> Emulator:
    """Start a board in its emulator, with a key in this test's key store."""
    return power_on(built(board, app), SelfProvisioned(KeyStore(), name_of(board)))


def hang(board: Emulator) -> None:
    """Make the main loop of a pen app on the Pico or the MPS2 hang; interrupts go on."""
    if isinstance(board, PicoBoard):
        board.hang()
    else:
        assert isinstance(board, QemuBoard)
        serve = read_symbols(built("mps2-an386", "pen").elf.read_bytes())["ink_delivery_serve"]
        board.write_memory(serve & ~1, b"\xfe\xe7")  # it jumps to itself; a reset loads the program anew


def words_of(samples: Samples) -> list[Pixels]:
    """Return the words, uint8 [T, 33, 33] of 0 and 255, that the Python twins make of samples."""
    pen, words, open_word = Pen(), [], []
    for x, y, pressure in samples.tolist():
        event = pen.sample(x, y, pressure)
        while event is not PenEvent.NONE:
            if event is PenEvent.SYMBOL:
                open_word.append(_bits(raster_strokes(pen.points)))
            else:
                words.append(np.stack(open_word))
                open_word = []
            event = pen.pending()
    return words


def symbol_ends(samples: Samples) -> list[int]:
    """Return after how many samples each symbol is finished."""
    pen, ends = Pen(), []
    for place, sample in enumerate(samples.tolist(), start=1):
        event = pen.sample(*sample)
        while event is not PenEvent.NONE:
            ends += [place] if event is PenEvent.SYMBOL else []
            event = pen.pending()
    return ends


def word_on(picture: Pixels) -> Pixels:
    """Return the word, uint8 [T, 33, 33] of 0 and 255, that the Python twin finds in a picture."""
    found = segment(picture)
    assert isinstance(found, Segmentation)
    return np.stack([_bits(segment_fragment(found, place)) for place in range(len(found.symbols))])


def _bits(grey: Pixels) -> Pixels:
    return unpack_bits(pack_bits(grey))
