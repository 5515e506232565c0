"""Samples in C and in Python: equal events, points and counters; symbols and words end rightly."""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import astuple, fields

import clib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ink.pen import (
    MAX_POINTS,
    MAX_STROKES,
    STUCK_MS,
    UNTOUCHED_MS,
    Pen,
    PenConfig,
    PenEvent,
    capture,
    capture_timed,
)
from edge.ink.raster import POINT, Points, raster_strokes
from edge.ink.symbols import DIGITS
from firmware_bridge.wire import messages as wire
from train.synthetic.board_input import write_word
from train.synthetic.digitiser import sample_word
from train.synthetic.writers import invent_writer, write_symbol

Sample = tuple[int, int, int]
Step = Sample | int
"""A sample, or a silence in ms."""
UP: Sample = (0, 0, 0)
WORD_END = [UP] * 100


@functools.cache
def library() -> clib.Library:
    return clib.library("pen", "mem", clib.TWINS / "twin_pen.c")


class Twin:
    """The C pen with the methods of edge.ink.pen.Pen."""

    def __init__(self, config: PenConfig | None = None) -> None:
        self._lib = library()
        self._pen = self._lib.buffer(self._lib.value("size_of_pen").value)
        numbers = np.array(astuple(config or PenConfig()), np.uint16)
        self._lib.function("twin_pen_init")(self._pen, self._lib.bytes(numbers.tobytes()))
        self._sample = self._lib.function("ink_pen_sample", ctypes.c_int)
        self._silence = self._lib.function("ink_pen_silence", ctypes.c_int)
        self._pending = self._lib.function("ink_pen_pending", ctypes.c_int)
        self._points = self._lib.function("twin_pen_points", ctypes.c_size_t)
        self._memory, self._counters = self._lib.buffer(MAX_POINTS * POINT.itemsize), self._lib.buffer(20)

    def sample(self, x: int, y: int, pressure: int) -> PenEvent:
        return PenEvent(self._sample(self._pen, x, y, pressure))

    def silence(self, silent_ms: int) -> PenEvent:
        return PenEvent(self._silence(self._pen, ctypes.c_uint32(silent_ms)))

    def pending(self) -> PenEvent:
        return PenEvent(self._pending(self._pen))

    def state(self) -> tuple[bytes, list[int]]:
        count = self._points(self._pen, self._memory, self._counters)
        counters = np.frombuffer(self._counters, np.uint32).tolist()
        return bytes(self._memory)[: count * POINT.itemsize], counters


def state_of(pen: Pen) -> tuple[bytes, list[int]]:
    """Return the state as the C twin tells it: points, counters, and the symbol's times as they go on the wire."""
    lasted = wire.LONG_DURATION_MS if pen.duration_ms is None else pen.duration_ms
    pause = wire.LONG_PAUSE_CS if pen.pause_ms is None else pen.pause_ms // 10
    return pen.points.tobytes(), [pen.specks, pen.dropped, pen.thinned, lasted, pause]


def advance(pen: Pen | Twin, step: Step) -> PenEvent:
    return pen.silence(step) if isinstance(step, int) else pen.sample(*step)


def assert_alike(steps: Sequence[Step], config: PenConfig | None = None, drain: bool = True) -> Pen:
    """Check that both give one event at every step, and equal points after each event and at the end."""
    pen, twin = Pen(config), Twin(config)
    for number, step in enumerate(steps):
        event = advance(pen, step)
        assert event == advance(twin, step), number
        while event is not PenEvent.NONE:
            assert state_of(pen) == twin.state(), number
            event = pen.pending() if drain else PenEvent.NONE
            assert not drain or event == twin.pending(), number
    assert state_of(pen) == twin.state()
    return pen


def stroke(*corners: tuple[int, int], samples: int = 20, pressure: int = 1024) -> list[Sample]:
    """Return samples of a pen that moves evenly through the corners."""
    at = np.linspace(0, len(corners) - 1, samples)
    x, y = (np.interp(at, range(len(corners)), values) for values in zip(*corners, strict=True))
    return [(round(a), round(b), pressure) for a, b in zip(x, y, strict=True)]


def counts(samples: list[Sample], config: PenConfig | None = None) -> list[list[int]]:
    """Return the number of strokes of every symbol of every word; C and Python must agree."""
    assert_alike(samples, config)
    return [[len(np.unique(points["stroke"])) for points in word] for word in capture(samples, config)]


small = st.integers(0, 65535)
near = st.integers(0, 800)
Move = st.one_of(
    st.tuples(st.just("up"), st.integers(1, 130), near, near),
    st.tuples(st.just("down"), st.integers(1, 60), near, near),
    st.tuples(st.just("far"), st.integers(1, 20), small, small),
    st.tuples(st.just("silent"), st.sampled_from([1, 2]), st.sampled_from([0, 499, 500, 999, 1000, 65535]), small),
)
Configs = st.builds(
    PenConfig,
    rate_hz=st.sampled_from([0, 1, 2, 50, 100, 200]),  # at 1 or 2 Hz a pen is soon stuck, or soon untouched
    contact=st.sampled_from([0, 1, 64]),
    release=st.sampled_from([0, 32, 100]),
    nominal=st.sampled_from([0, 1, 1024, 65535]),
    gap=st.sampled_from([0, 150, 65535]),
    back=st.sampled_from([0, 500, 65535]),
    line=st.sampled_from([0, 400, 65535]),
    spacing=st.sampled_from([0, 1, 8, 65535]),
    pen_up_ms=st.sampled_from([0, 100, 500, 1500]),
    word_ms=st.sampled_from([0, 500, 1000]),
    least_ms=st.sampled_from([0, 30, 100]),
)


@given(st.lists(Move, max_size=25), Configs, st.integers(0, 2**32), st.booleans())
@settings(max_examples=250, deadline=None)
def test_whatever_the_pen_does_both_sides_agree(
    moves: list[tuple[str, int, int, int]], config: PenConfig, seed: int, drain: bool
) -> None:
    rng = np.random.default_rng(seed)
    steps: list[Step] = []
    for kind, count, x, y in moves:
        if kind == "silent":
            steps += [x] * count
            continue
        for step in range(count):
            where = (x + step * 7) % 65536, (y + step * 3) % 65536
            pressure = int(rng.integers(0, 40)) if kind == "up" else int(rng.choice([30, 64, 900, 65535]))
            steps.append((*where, pressure))
    assert_alike(steps, config, drain)


def test_synthetic_words_are_captured_alike_and_draw_as_they_were_written() -> None:
    for seed in range(6):
        style, rng = invent_writer(seed), np.random.default_rng(seed)
        symbols = [write_symbol(style, symbol, rng) for symbol in DIGITS * 2]
        samples = [tuple(row) for row in sample_word(symbols).tolist()]
        assert_alike(samples)
        (word,), (whole,) = capture(samples), capture(samples, PenConfig(spacing=0))
        assert len(word) == 20
        for points, every in zip(word, whole, strict=True):
            there, here = raster_strokes(points), raster_strokes(every)
            # Points closer than 0.08 mm to the last are not kept: edges move by a fraction of a pixel.
            assert ((there >= 128) != (here >= 128)).mean() < 0.04


def test_nearly_all_digits_of_sixty_writers_are_one_symbol_each() -> None:
    right = 0
    for seed in range(60):
        style, rng = invent_writer(seed), np.random.default_rng(seed)
        words = capture(tuple(row) for row in write_word(style, "7154039628", rng).tolist())
        right += [len(word) for word in words] == [10]
    assert right >= 58  # two of sixty write the parts of a 4 or a 5 further apart than 1.5 mm


def test_a_gap_to_the_right_begins_another_symbol() -> None:
    first, near, far = stroke((0, 0), (0, 500)), stroke((140, 0), (140, 500)), stroke((300, 0), (300, 500))
    assert counts([*first, *[UP] * 10, *near, *WORD_END]) == [[2]]
    assert counts([*first, *[UP] * 10, *far, *WORD_END]) == [[1, 1]]


@pytest.mark.parametrize(("dx", "dy"), [(150, 0), (-500, 0), (0, 400), (0, -400)])
def test_a_stroke_just_within_reach_belongs_to_the_symbol_and_one_beyond_does_not(dx: int, dy: int) -> None:
    dot = stroke((5000, 5000), (5000, 5000))
    beyond = (5000 + dx + int(np.sign(dx)), 5000 + dy + int(np.sign(dy)))
    assert counts([*dot, UP, *stroke((5000 + dx, 5000 + dy), (5000, 5000)), *WORD_END]) == [[2]]
    assert counts([*dot, UP, *stroke(beyond, (5000, 5000)), *WORD_END]) == [[1, 1]]


def test_a_bar_that_begins_to_the_left_belongs_to_the_stem() -> None:
    stem, bar = stroke((1000, 0), (1000, 600)), stroke((700, 200), (1300, 200))
    assert counts([*stem, *[UP] * 15, *bar, *WORD_END]) == [[2]]


def test_the_next_line_begins_another_symbol() -> None:
    above, below = stroke((1000, 1000), (1100, 1500)), stroke((1000, 2200), (1100, 2700))
    assert counts([*above, *[UP] * 10, *below, *WORD_END]) == [[1, 1]]


def test_a_pause_ends_the_symbol_and_a_second_the_word() -> None:
    here = stroke((0, 0), (0, 500))
    assert counts([*here, *[UP] * 49, *here, *WORD_END]) == [[2]]
    assert counts([*here, *[UP] * 50, *here, *WORD_END]) == [[1, 1]]
    assert counts([*here, *[UP] * 99, *here, *WORD_END]) == [[1, 1]]
    assert counts([*here, *[UP] * 100, *here, *WORD_END]) == [[1], [1]]


def test_pauses_and_gaps_can_be_configured() -> None:
    config = PenConfig(rate_hz=200, pen_up_ms=100, word_ms=200, gap=1000)
    here, there = stroke((0, 0), (0, 500)), stroke((900, 0), (900, 500))
    assert counts([*here, *[UP] * 19, *there, *[UP] * 40], config) == [[2]]
    assert counts([*here, *[UP] * 20, *there, *[UP] * 40], config) == [[1, 1]]


def events(steps: Sequence[Step], config: PenConfig | None = None) -> list[PenEvent]:
    """Return what each step completes; C and Python must agree."""
    assert_alike(steps, config)
    pen, found = Pen(config), []
    for step in steps:
        event = advance(pen, step)
        while event is not PenEvent.NONE:
            found.append(event)
            event = pen.pending()
    return found


def test_silence_of_a_digitiser_whose_pen_was_lifted_ends_the_word_once() -> None:
    lifted = [*stroke((0, 0), (0, 500)), UP]
    assert events([*lifted, 999]) == []
    assert events([*lifted, 999, 1000, 1001, 65535]) == [PenEvent.SYMBOL, PenEvent.WORD]
    assert events([*lifted, *[UP] * 50, 1000]) == [PenEvent.SYMBOL, PenEvent.WORD], "the symbol had ended before"
    assert events([*lifted, 299, 300], PenConfig(word_ms=300)) == [PenEvent.SYMBOL, PenEvent.WORD]
    assert events([10**6, *[UP] * 10, 10**6]) == [], "nothing was written"


def test_silence_under_a_pen_that_touches_is_a_failure_and_the_next_word_is_whole() -> None:
    here, there = stroke((0, 0), (0, 500)), stroke((900, 0), (900, 500))
    assert events([*here, 999]) == []
    assert events([*here, 999, 1000, 1001]) == [PenEvent.FAILURE]
    assert events([*here, UP, *there, 1000]) == [PenEvent.SYMBOL, PenEvent.FAILURE], (
        "a symbol of the word was delivered"
    )
    assert events([*here, 1000, *there, *WORD_END]) == [PenEvent.FAILURE, PenEvent.SYMBOL, PenEvent.WORD]
    speck = [(900, 0, 1024), *WORD_END]
    assert events([*here, UP, *there, 1000, *speck]) == [PenEvent.SYMBOL, PenEvent.FAILURE], "and no end of the word"


def test_time_in_a_word_is_counted_in_samples_however_slow_they_come() -> None:
    here, there = stroke((0, 0), (0, 500)), stroke((140, 0), (140, 500))
    written = [*here, *[UP] * 49, *there, *[UP] * 99, UP]
    slow = [step for sample in written for step in (sample, 900)]
    assert events(slow) == events(written) == [PenEvent.SYMBOL, PenEvent.WORD]
    assert events([*here, UP, 900, *there, *WORD_END]) == [PenEvent.SYMBOL, PenEvent.WORD]


def test_symbol_and_word_that_are_due_at_once_come_one_after_the_other() -> None:
    pen = assert_alike([*stroke((0, 0), (0, 500)), *[UP] * 9], config := PenConfig(pen_up_ms=900, word_ms=100))
    assert config.pen_up_ms > config.word_ms
    assert [pen.sample(*UP), pen.pending(), pen.pending()] == [PenEvent.SYMBOL, PenEvent.WORD, PenEvent.NONE]


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_touch_of_less_than_30_ms_is_a_speck_and_no_symbol(samples: int) -> None:
    tap = [(100, 100, 1024)] * samples
    pen = assert_alike([*tap, *WORD_END, *tap, UP, *WORD_END])
    assert pen.specks == 2
    assert capture([*tap, *WORD_END]) == []
    assert counts([*TOUCHES * 4, *WORD_END]) == [[1]]
    assert counts([*tap, *WORD_END], PenConfig(least_ms=0)) == [[1]]


def test_a_symbol_is_told_with_its_time_and_the_pause_before_it() -> None:
    first, second = stroke((0, 0), (0, 500), samples=21), stroke((140, 0), (140, 500), samples=31)
    third = stroke((2000, 0), (2000, 500), samples=11)
    written = [*first, *[UP] * 29, *second, *[UP] * 60, *third, *WORD_END]
    ((both, last),) = capture_timed(written)
    assert (both.duration_ms, both.pause_ms) == (10 * (20 + 30 + 30), None), "the word's first symbol"
    assert (last.duration_ms, last.pause_ms) == (100, 610)
    ((both, last),) = capture_timed([*written, *WORD_END], PenConfig(rate_hz=200))
    assert (both.duration_ms, last.duration_ms, last.pause_ms) == (400, 50, 300)
    again = [symbol for word in capture_timed(written * 2) for symbol in word]
    assert [symbol.pause_ms for symbol in again] == [None, 610] * 2, "each word begins anew"


def test_a_symbol_held_back_for_the_one_before_it_has_its_own_times() -> None:
    near, far = stroke((0, 0), (0, 500), samples=21), stroke((900, 0), (900, 500), samples=31)
    ((first, second),) = capture_timed([*near, *[UP] * 4, *far, *WORD_END])
    assert (first.duration_ms, second.duration_ms, second.pause_ms) == (200, 300, 50)


def test_what_is_too_long_to_tell_is_not_told() -> None:
    here = stroke((0, 0), (0, 500))
    config = PenConfig(rate_hz=20, pen_up_ms=10_000, word_ms=10_000)
    slow = [sample for _ in range(8) for sample in (*here, *[UP] * 190)]
    ((symbol,),) = capture_timed([*slow, *[UP] * 10], config)
    assert symbol.duration_ms is None
    assert_alike(slow, config)
    ((_, far),) = capture_timed([*here, *[UP] * 51, *stroke((2000, 0), (2000, 500)), *[UP] * 200], config)
    assert far.pause_ms is None
    ((_, near),) = capture_timed([*here, *[UP] * 49, *stroke((2000, 0), (2000, 500)), *[UP] * 200], config)
    assert near.pause_ms == 2500


TOUCHES = [(500, 500, 1024)]
STUCK, NEVER = STUCK_MS // 10, UNTOUCHED_MS // 10


def test_a_pen_whose_pressure_never_falls_is_told_once_and_what_it_wrote_is_lost() -> None:
    assert events(TOUCHES * (STUCK - 1)) == []
    assert events(TOUCHES * 3 * STUCK) == [PenEvent.STUCK]
    here = stroke((2000, 0), (2000, 500))
    assert events([*here, UP, *TOUCHES * 2 * STUCK, *WORD_END]) == [PenEvent.SYMBOL, PenEvent.STUCK]
    assert events([*TOUCHES * STUCK, UP, *here, *WORD_END]) == [PenEvent.STUCK, PenEvent.SYMBOL, PenEvent.WORD]
    assert counts([*here, UP, *TOUCHES * STUCK, UP, *here, *WORD_END]) == [[1]], "only what came after it"


def test_a_pen_whose_pressure_never_rises_is_told_once_and_only_before_its_first_touch() -> None:
    assert events([(5, 5, 63)] * (NEVER - 1)) == []
    assert events([(5, 5, 63)] * 3 * NEVER) == [PenEvent.UNTOUCHED]
    assert events([UP] * 3 * NEVER) == [PenEvent.UNTOUCHED]
    written = [*stroke((0, 0), (0, 500)), *WORD_END]
    assert events([*written, *[UP] * 3 * NEVER, *written]) == [PenEvent.SYMBOL, PenEvent.WORD] * 2
    assert events([*[UP] * NEVER, *written]) == [PenEvent.UNTOUCHED, PenEvent.SYMBOL, PenEvent.WORD]


def test_a_pen_that_hovers_with_little_pressure_goes_on_with_its_stroke() -> None:
    fading = [*stroke((0, 0), (0, 300)), *stroke((0, 300), (0, 600), pressure=40), *WORD_END]
    assert counts(fading) == [[1]]
    assert counts([*stroke((0, 0), (0, 600), pressure=40), *WORD_END]) == []


def longest(points: Points) -> int:
    return int(np.hypot(np.diff(points["x"].astype(int)), np.diff(points["y"].astype(int))).max())


def test_a_symbol_without_end_is_thinned_out_and_keeps_its_shape() -> None:
    angle = np.linspace(0, 40 * np.pi, STUCK_MS // 10 - 1)
    spiral = [(round(30000 + 5 * a * 20 * np.cos(a)), round(30000 + 5 * a * 20 * np.sin(a)), 1024) for a in angle]
    pen = assert_alike([*spiral, *WORD_END])
    ((points,),) = capture([*spiral, *WORD_END])
    assert pen.thinned > 0
    assert 100 < len(points) <= MAX_POINTS
    assert (points[0]["x"], points[-1]["x"]) == (spiral[0][0], spiral[-1][0])


def test_strokes_without_end_are_dropped_and_counted() -> None:
    dots = [sample for _ in range(MAX_STROKES + 10) for sample in ((500, 500, 900), (510, 500, 900), UP)]
    pen = assert_alike([*dots, *WORD_END])
    assert pen.dropped == 20
    assert counts([*dots, *WORD_END]) == [[MAX_STROKES]]


def test_the_contact_that_ends_a_symbol_begins_the_next() -> None:
    ((first, second),) = capture([*stroke((0, 0), (0, 500)), UP, *stroke((900, 0), (900, 500)), *WORD_END])
    assert int(second["x"][0]) == 900
    assert int(second["y"][0]) == 0
    assert (first["x"] == 0).all()


def test_pressure_is_told_against_the_nominal() -> None:
    for pressure, expected in ((1024, 128), (512, 64), (65535, 255)):
        ((points,),) = capture([*stroke((0, 0), (0, 500), pressure=pressure), *WORD_END])
        assert set(points["pressure"].tolist()) == {expected}


def test_both_sides_have_the_same_defaults() -> None:
    memory = library().buffer(2 * len(fields(PenConfig)))
    library().function("twin_pen_defaults")(memory)
    assert tuple(np.frombuffer(memory, np.uint16).tolist()) == astuple(PenConfig())


@pytest.mark.parametrize("config", [PenConfig(rate_hz=0, nominal=0, least_ms=0)])
def test_a_configuration_that_contradicts_itself_is_put_right(config: PenConfig) -> None:
    assert_alike([*stroke((0, 0), (0, 500)), *WORD_END], config)
