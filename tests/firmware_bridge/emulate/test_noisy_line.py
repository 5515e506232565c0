"""A noisy line spoils the stated share of frames, determined by its seed, and no others."""

import random

from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.wire.framing import FrameReceiver, encode_frame

FRAMES = [encode_frame(n.to_bytes(4, "big") * 10) for n in range(4000)]


def carried(loss: float, corrupt: float, seed: int = 1) -> tuple[NoisyLine, bytes]:
    line = NoisyLine(loss, corrupt, random.Random(seed))
    return line, b"".join(map(line.carry, FRAMES))


def test_a_clean_line_changes_nothing_however_the_bytes_come() -> None:
    line = NoisyLine(0.0, 0.0, random.Random(1))
    stream = b"".join(FRAMES)
    assert b"".join(line.carry(stream[at : at + 7]) for at in range(0, len(stream), 7)) == stream


def test_shares_of_frames_are_lost_and_damaged_as_asked_and_the_same_ones_for_a_seed() -> None:
    line, data = carried(0.1, 0.05)
    # 4000 trials: five standard deviations are 95 for the loss and 69 for the damage.
    assert abs(line.lost - 400) < 95
    assert abs(line.corrupted - 200) < 69
    intact = FrameReceiver().feed(data)
    # A damaged delimiter takes the next frame with it.
    assert line.corrupted <= len(FRAMES) - line.lost - len(intact) <= 2 * line.corrupted
    assert carried(0.1, 0.05)[1] == data != carried(0.1, 0.05, seed=2)[1]


def test_a_stream_without_delimiters_is_not_kept_back() -> None:
    line = NoisyLine(0.0, 0.0, random.Random(1))
    assert len(line.carry(b"\x55" * 1000)) == 1000
