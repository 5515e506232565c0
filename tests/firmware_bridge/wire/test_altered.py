"""What flow control and terminals do to frames is recognised; noise is not taken for it."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.altered import Alteration
from firmware_bridge.wire.framing import DELIMITER, EXAMINED, FrameReceiver, encode_frame

LINES: dict[Alteration, Callable[[bytes], bytes]] = {
    Alteration.FLOW_CONTROL: lambda data: data.replace(b"\x11", b"").replace(b"\x13", b""),
    Alteration.DOUBLED: lambda data: data.replace(b"\xff", b"\xff\xff"),
    Alteration.LF_TO_CR_LF: lambda data: data.replace(b"\n", b"\r\n"),
    Alteration.CR_TO_LF: lambda data: data.replace(b"\r", b"\n"),
}


def frames(count: int, seed: int = 1) -> list[bytes]:
    """Return frames of the length of a one-bit fragment with its tag."""
    rng = random.Random(seed)
    return [encode_frame(rng.randbytes(145)) for _ in range(count)]


@pytest.mark.parametrize("alteration", Alteration)
def test_what_a_line_does_to_frames_is_named_after_a_few_of_them(alteration: Alteration) -> None:
    receiver = FrameReceiver()
    receiver.feed(b"".join(LINES[alteration](frame) for frame in frames(40)))
    assert receiver.alteration is alteration


@given(st.integers(0, 1 << 32), st.integers(1, 8))
def test_noise_is_taken_for_no_alteration(seed: int, hits: int) -> None:
    rng, receiver = random.Random(seed), FrameReceiver()
    for frame in frames(20, seed):
        spoiled = bytearray(frame)
        for at in rng.sample(range(len(frame) - 1), hits):
            spoiled[at] ^= rng.randint(1, 255)
        receiver.feed(bytes(spoiled))
    assert receiver.alteration is None


def test_intact_frames_and_garbage_without_end_are_not_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    examined: list[bytes] = []
    monkeypatch.setattr("firmware_bridge.wire.framing.recognise", lambda body, _: examined.append(body))
    receiver = FrameReceiver()
    receiver.feed(b"".join(frames(50)))
    assert examined == []
    for _ in range(1000):
        receiver.feed(random.Random(1).randbytes(wire.MAX_WIRE_BYTES) + DELIMITER)
    assert len(examined) == EXAMINED
