"""Content bytes <-> frames on the line, which are COBS( content | CRC-32 ) 0x00; sans-IO.

A delimiter never occurs inside a frame, so a receiver is in step again at the next delimiter, whatever came before.
firmware/core/line/frame.c is the twin in C.
"""

import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.altered import XON_XOFF, Alteration, recognise
from firmware_bridge.wire.errors import WireError

DELIMITER = b"\0"
CRC_BYTES = 4
MAX_BODY_BYTES = wire.MAX_WIRE_BYTES - 1
"""The most bytes that can stand between two delimiters."""

EXAMINED = 12
"""Damaged frames that one receiver examines for what the line did to them: noise must not cost more."""
RECOGNISED = 2
"""Frames altered in one way after which a receiver says so."""
REPEATED = 4
"""Arrivals of one damaged frame, always with the same bytes, that no noise makes."""

_DIGEST_BYTES = 8


@dataclass
class FrameCounters:
    """The counts of frames received, intact and damaged."""

    frames: int = 0
    crc_errors: int = 0
    cobs_errors: int = 0
    oversize: int = 0
    refused: int = 0
    """Intact frames that the host did not accept: forged, replayed, or of another connection."""


def encode_frame(content: bytes) -> bytes:
    """Encode a frame with its delimiter, at most 256 bytes. WireError if the content is over 250."""
    if len(content) > wire.MAX_CONTENT_BYTES:
        raise WireError(f"{len(content)} bytes do not fit in a frame, which carries {wire.MAX_CONTENT_BYTES}")
    checked = content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")
    # In up to 254 bytes no COBS block of full length is followed by another: every run between zeros is one block.
    return b"".join(bytes((len(run) + 1,)) + run for run in checked.split(DELIMITER)) + DELIMITER


class FrameReceiver:
    """A receiver of bytes in any portions that gives the contents of the intact frames.

    It keeps at most 255 bytes of the line and never raises on bytes. It counts in `counters` if given, so that a new
    receiver can continue the counts of an earlier one.
    """

    def __init__(self, counters: FrameCounters | None = None) -> None:
        self.counters = counters or FrameCounters()
        self._body = bytearray()
        self._skipping = False
        self._examined: dict[bytes, Alteration | None] = {}
        self._arrivals: Counter[bytes] = Counter()
        self._altered: Counter[Alteration] = Counter()
        self._flow_control_came = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the contents of the intact frames that they complete, in order."""
        self._flow_control_came = self._flow_control_came or any(byte in data for byte in XON_XOFF)
        *complete, rest = data.split(DELIMITER)
        contents = []
        for part in complete:
            self._collect(part)
            content = self._finish()
            if content is not None:
                contents.append(content)
        self._collect(rest)
        return contents

    @property
    def alteration(self) -> Alteration | None:
        """What the line does to frames, as several damaged ones say alike; None if they do not."""
        return next((found for found, count in self._altered.items() if count >= RECOGNISED), None)

    @property
    def held_bytes(self) -> int:
        """The number of bytes now kept of an unfinished frame."""
        return len(self._body)

    def _collect(self, part: bytes) -> None:
        if self._skipping:
            return
        if len(self._body) + len(part) > MAX_BODY_BYTES:
            self._body.clear()
            self._skipping = True
            self.counters.oversize += 1
        else:
            self._body += part

    def _finish(self) -> bytes | None:
        body, skipped = bytes(self._body), self._skipping
        self._body.clear()
        self._skipping = False
        if skipped or not body:
            return None
        checked = _cobs_decode(body)
        if checked is None or len(checked) < CRC_BYTES:
            self.counters.cobs_errors += 1
        elif (content := _checked(checked)) is None:
            self.counters.crc_errors += 1
        else:
            self.counters.frames += 1
            return content
        self._examine(body)
        return None

    def _examine(self, body: bytes) -> None:
        """Find out what the line did to a damaged frame.

        Of a frame from which flow control took several bytes, no single one mends it. It comes again and again with the
        same bytes, and XON and XOFF come never.
        """
        digest = hashlib.blake2s(body, digest_size=_DIGEST_BYTES).digest()
        if digest not in self._examined:
            if len(self._examined) == EXAMINED:
                return
            self._examined[digest] = recognise(body, _is_intact)
        self._arrivals[digest] += 1
        found = self._examined[digest]
        if found is None and self._arrivals[digest] >= REPEATED and not self._flow_control_came:
            found = Alteration.FLOW_CONTROL
        if found is not None:
            self._altered[found] += 1


def _checked(checked: bytes) -> bytes | None:
    """Return the content before a right CRC-32, None if it is wrong."""
    content, crc = checked[:-CRC_BYTES], checked[-CRC_BYTES:]
    return content if zlib.crc32(content).to_bytes(CRC_BYTES, "little") == crc else None


def _is_intact(body: bytes) -> bool:
    checked = _cobs_decode(body) if len(body) <= MAX_BODY_BYTES else None
    return checked is not None and len(checked) >= CRC_BYTES and _checked(checked) is not None


def _cobs_decode(body: bytes) -> bytes | None:
    """Decode the bytes between two delimiters; return None if a block runs past the end."""
    decoded = bytearray()
    at = 0
    while at < len(body):
        code = body[at]
        end = at + code
        if end > len(body):
            return None
        decoded += body[at + 1 : end]
        at = end
        # No zero follows a block with code 255, but in at most 255 bytes such a block can only be the last.
        if at < len(body):
            decoded.append(0)
    return bytes(decoded)
