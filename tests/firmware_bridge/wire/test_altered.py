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


def holding(taken: int, seed: int) -> bytes:
    """Return a frame in which XON or XOFF stands so many times."""
    return next(frame for frame in frames(10_000, seed) if sum(map(frame.count, (b"\x11", b"\x13"))) == taken)


@pytest.mark.parametrize("taken", [1, 2, 5])
def test_flow_control_is_named_though_one_frame_alone_comes_again_and_again(taken: int) -> None:
    receiver = FrameReceiver()
    altered = LINES[Alteration.FLOW_CONTROL](holding(taken, seed=2))
    receiver.feed(altered * 5)
    assert receiver.alteration is Alteration.FLOW_CONTROL
    receiver = FrameReceiver()
    receiver.feed(b"\x11\0" + altered * 20)
    assert (receiver.alteration is None) == (taken > 1)


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
    rng = random.Random(1)
    for _ in range(1000):
        receiver.feed(rng.randbytes(wire.MAX_WIRE_BYTES) + DELIMITER)
    assert len(examined) == EXAMINED
