"""A damaged frame -> what flow control or a terminal's settings did to it, if they did."""

from collections.abc import Callable, Iterator
from enum import Enum, unique
from itertools import product

XON_XOFF = (b"\x11", b"\x13")
_MOST_LINE_ENDS = 6
"""Line ends in a damaged frame of which every subset is tried: 64 at most."""


@unique
class Alteration(Enum):
    """What a line does to bytes, as text for people; `{port}` stands for the port's name."""

    FLOW_CONTROL = (
        "the line takes bytes 0x11 and 0x13 away, as software flow control does: switch XON/XOFF off on the way "
        "(`stty -F {port} raw -ixon -ixoff`; in ser2net no xonxoff)"
    )
    DOUBLED = (
        "the line doubles bytes 0xff, as Telnet and a terminal with PARMRK do: name a Telnet port rfc2217://HOST:PORT, "
        "or serve it raw, or `stty -F {port} raw -parmrk`"
    )
    LF_TO_CR_LF = "the line turns LF into CR LF, as a terminal does: set it to raw (`stty -F {port} raw -onlcr`)"
    CR_TO_LF = "the line turns CR into LF, as a terminal does: set it to raw (`stty -F {port} raw -icrnl`)"


def recognise(body: bytes, intact: Callable[[bytes], bool]) -> Alteration | None:
    """Return the alteration of which undoing makes the frame intact, None if none does.

    body: what stood between two delimiters, at most 255 bytes. At most about 600 frames are tried.
    """
    for alteration, candidate in _undone(body):
        if candidate != body and intact(candidate):
            return alteration
    return None


def _undone(body: bytes) -> Iterator[tuple[Alteration, bytes]]:
    yield Alteration.DOUBLED, body.replace(b"\xff\xff", b"\xff")
    yield Alteration.LF_TO_CR_LF, body.replace(b"\r\n", b"\n")
    pieces = body.split(b"\n")
    if len(pieces) <= _MOST_LINE_ENDS + 1:
        for ends in product((b"\r", b"\n"), repeat=len(pieces) - 1):
            yield Alteration.CR_TO_LF, b"".join(map(b"".join, zip(pieces, (*ends, b""), strict=True)))
    for at in range(len(body) + 1):
        for byte in XON_XOFF:
            yield Alteration.FLOW_CONTROL, body[:at] + byte + body[at:]
