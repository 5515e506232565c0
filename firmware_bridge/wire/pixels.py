"""A fragment's pixels uint8 [33, 33] <-> the bytes that a board sends."""

import numpy as np
import numpy.typing as npt

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import PixelsError, WireError

Pixels = npt.NDArray[np.uint8]

SHAPE = (wire.SIDE, wire.SIDE)
INK_THRESHOLD = 128
FRAGMENT_BYTES = {1: wire.BITS_FRAGMENT_BYTES, 8: wire.GREY_FRAGMENT_BYTES}
"""Bytes of a packed fragment, by bits a pixel."""


def depth(pixel_bits: int) -> str:
    """Return the depth in words for people, such as `1 bit a pixel`."""
    return f"{pixel_bits} bit{'' if pixel_bits == 1 else 's'} a pixel"


def pack_bits(pixels: Pixels) -> bytes:
    """Pack uint8 [33, 33] at 1 bit a pixel; a pixel >= 128 is ink. PixelsError for another shape or type.

    Return 137 bytes: row by row, most significant bit first, 1 = ink, 7 zero bits at the end.
    """
    return np.packbits(_checked(pixels).reshape(-1) >= INK_THRESHOLD).tobytes()


def unpack_bits(packed: bytes) -> Pixels:
    """Unpack 1 bit a pixel to uint8 [33, 33] of 0 paper and 255 ink.

    WireError unless `packed` is 137 bytes whose last 7 bits are zero.
    """
    if len(packed) != wire.BITS_FRAGMENT_BYTES or packed[-1] & 0x7F:
        raise WireError(f"a 1-bit fragment is {wire.BITS_FRAGMENT_BYTES} bytes that end in 7 zero bits")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=wire.SIDE * wire.SIDE)
    return (bits * np.uint8(255)).reshape(SHAPE)


def pack(pixels: Pixels, pixel_bits: int) -> bytes:
    """Pack a fragment: 137 bytes at 1 bit a pixel, 1089 at 8. PixelsError unless uint8 [33, 33]."""
    return pack_bits(pixels) if pixel_bits == 1 else _checked(pixels).tobytes()


def unpack(packed: bytes, pixel_bits: int) -> Pixels:
    """Unpack what `pack` packed, to uint8 [33, 33]. WireError for bytes that `pack` cannot have made."""
    if pixel_bits == 1:
        return unpack_bits(packed)
    if len(packed) != wire.GREY_FRAGMENT_BYTES:
        raise WireError(f"an 8-bit fragment is {wire.GREY_FRAGMENT_BYTES} bytes, not {len(packed)}")
    return np.frombuffer(packed, np.uint8).reshape(SHAPE).copy()


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.shape != SHAPE:
        raise PixelsError(f"a fragment is uint8 {list(SHAPE)}, not {pixels.dtype} {list(pixels.shape)}")
    return pixels
