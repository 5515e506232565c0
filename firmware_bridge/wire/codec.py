"""Field values <-> payload bytes, bounded at every step.

Whatever does not fit raises a WireError that names the message and the field.
"""

from enum import IntEnum
from typing import TypeVar

from firmware_bridge.wire.errors import WireError

Choice = TypeVar("Choice", bound=IntEnum)

_PRINTABLE = range(0x20, 0x7F)


class Writer:
    """The encoder of one message: it collects the fields in order."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._parts: list[bytes] = []

    def uint(
        self, field: str, value: int, size: int, low: int = 0, high: int | None = None, one_of: tuple[int, ...] = ()
    ) -> None:
        """Append a number as `size` bytes, little endian.

        WireError if it is outside `low`..`high` (None: the most that `size` bytes hold) or not in `one_of` (empty: all
        values are allowed).
        """
        _check(self._message, field, value, low, (1 << 8 * size) - 1 if high is None else high, one_of)
        self._parts.append(value.to_bytes(size, "little"))

    def fixed(self, field: str, value: bytes, size: int) -> None:
        """Append bytes. WireError unless they are exactly `size`."""
        if len(value) != size:
            raise WireError(f"{self._message}.{field}: {len(value)} bytes, not {size}")
        self._parts.append(bytes(value))

    def text(self, field: str, value: str, most: int) -> None:
        """Append a length byte and the text.

        WireError unless the text is at most `most` printable ASCII characters.
        """
        if len(value) > most or any(ord(character) not in _PRINTABLE for character in value):
            raise WireError(f"{self._message}.{field}: {value!r} is not at most {most} printable ASCII characters")
        self._parts.append(bytes((len(value),)) + value.encode("ascii"))

    def data(self, field: str, value: bytes, most: int) -> None:
        """Append bytes that fill the rest of the frame. WireError if they are more than `most`."""
        if len(value) > most:
            raise WireError(f"{self._message}.{field}: {len(value)} bytes, at most {most} are allowed")
        self._parts.append(bytes(value))

    def finish(self) -> bytes:
        """Return the payload."""
        return b"".join(self._parts)


class Reader:
    """The decoder of one message: it hands out the fields in order."""

    def __init__(self, message: str, payload: bytes) -> None:
        self._message = message
        self._payload = payload
        self._at = 0

    def uint(self, field: str, size: int, low: int = 0, high: int | None = None, one_of: tuple[int, ...] = ()) -> int:
        """Read a number of `size` bytes, little endian.

        WireError if it is outside `low`..`high` (None: the most that `size` bytes hold) or not in `one_of` (empty: all
        values are allowed).
        """
        value = int.from_bytes(self._take(field, size), "little")
        _check(self._message, field, value, low, (1 << 8 * size) - 1 if high is None else high, one_of)
        return value

    def choice(self, field: str, size: int, choices: type[Choice]) -> Choice:
        """Read a member of the enum from `size` bytes. WireError if the number is none of its values."""
        value = int.from_bytes(self._take(field, size), "little")
        try:
            return choices(value)
        except ValueError as error:
            raise WireError(f"{self._message}.{field}: {value} is no {choices.__name__}") from error

    def fixed(self, field: str, size: int) -> bytes:
        """Read exactly `size` bytes. WireError if fewer are left."""
        return self._take(field, size)

    def text(self, field: str, most: int) -> str:
        """Read a text of at most `most` characters. WireError if it is longer.

        Each byte that is not printable ASCII reads as `?`, so that no board can send control characters to a terminal,
        a log or a page.
        """
        length = self.uint(field, 1, high=most)
        return "".join(chr(byte) if byte in _PRINTABLE else "?" for byte in self._take(field, length))

    def data(self, field: str, most: int) -> bytes:
        """Read the rest of the frame. WireError if it is more than `most` bytes."""
        left = len(self._payload) - self._at
        if left > most:
            raise WireError(f"{self._message}.{field}: {left} bytes, at most {most} are allowed")
        return self._take(field, left)

    def finish(self) -> None:
        """Refuse bytes that no field has read: WireError."""
        if self._at != len(self._payload):
            raise WireError(f"{self._message}: {len(self._payload) - self._at} bytes too many")

    def _take(self, field: str, size: int) -> bytes:
        taken = self._payload[self._at : self._at + size]
        if len(taken) != size:
            raise WireError(f"{self._message}.{field}: {size} bytes expected, {len(taken)} are left")
        self._at += size
        return taken


def _check(message: str, field: str, value: int, low: int, high: int, one_of: tuple[int, ...]) -> None:
    if one_of and value not in one_of:
        raise WireError(f"{message}.{field}: {value} is none of {', '.join(map(str, one_of))}")
    if not low <= value <= high:
        raise WireError(f"{message}.{field}: {value} is outside {low}..{high}")
