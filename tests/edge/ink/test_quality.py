"""The claims of edge.ink.quality: what is no writing is told, and honest writing passes."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from needs import data_folder

from edge.ink.quality import (
    DIFFERENT,
    UNKNOWN_MS,
    Flaw,
    Quality,
    QualityLimits,
    assess,
    count_different,
    fewer_than_three,
)
from train.synthetic.writers import synthetic_set

Y, X = np.mgrid[0:33, 0:33]


def shape(where: np.ndarray) -> np.ndarray:
    return np.where(where, np.uint8(255), np.uint8(0))


@pytest.fixture(scope="module")
def honest() -> np.ndarray:
    """Return 60 fragments by one invented writer, 1 bit a pixel."""
    return synthetic_set(1, 60, seed=3).to_bits(1).pixels


def with_one(honest: np.ndarray, fragment: np.ndarray) -> np.ndarray:
    return np.stack([*honest[:3], fragment, *honest[3:6]])


FLAWED = {
    "blank": (shape(X < 0), Flaw.BLANK),
    "full": (shape(X >= 0), Flaw.FULL),
    "inverted": (shape(abs(X - 16) > 1), Flaw.FULL),
    "one pixel": (shape((X == 16) & (Y == 16)), Flaw.LITTLE),
    "a dot": (shape((X - 16) ** 2 + (Y - 16) ** 2 <= 16), Flaw.DOT),
    "a disc": (shape((X - 16) ** 2 + (Y - 16) ** 2 <= 150), Flaw.SOLID),
    "a block": (shape((abs(X - 16) <= 12) & (abs(Y - 16) <= 9)), Flaw.SOLID),
    "noise": (shape(np.random.default_rng(0).random((33, 33)) < 0.3), Flaw.NOISE),
    "a few specks": (shape(np.random.default_rng(1).random((33, 33)) < 0.03), Flaw.NOISE),
    "a chessboard": (shape((X + Y) % 2 == 0), Flaw.NOISE),
}


@pytest.mark.parametrize("name", FLAWED)
def test_one_symbol_that_is_no_writing_spoils_a_word(name: str, honest: np.ndarray) -> None:
    fragment, flaw = FLAWED[name]
    found = assess(with_one(honest, fragment))
    assert found.quality is Quality.NOT_WRITING
    assert found.flaws == (None, None, None, flaw, None, None, None)
    assert found.reason == f"symbol 4: {flaw.value}"


@pytest.mark.parametrize("thick", range(1, 6))
def test_an_upright_bar_is_no_flaw_and_a_word_of_sixteen_is_too_plain(thick: int, honest: np.ndarray) -> None:
    """They are honest 1s."""
    bars = [shape((abs(X - 16) < thick / 2 + 0.1) & (abs(Y - 16) <= 12 - (n % 3))) for n in range(16)]
    assert assess(with_one(honest, bars[0])).quality is Quality.GOOD
    assert assess(np.stack(bars)).quality is Quality.TOO_PLAIN


def test_rings_are_all_alike_however_wide(honest: np.ndarray) -> None:
    rings = [shape(abs(np.hypot((X - 16) * 12 / w, Y - 16) - 11) < 1.2) for w in (6, 7, 8, 9, 10, 11, 12)]
    assert assess(np.stack(rings)).quality is Quality.TOO_PLAIN
    assert assess(with_one(honest, rings[0])).quality is Quality.GOOD


@given(place=st.integers(0, 59), moves=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=3))
def test_one_sample_again_and_again_is_too_plain_a_pixel_here_or_there(
    honest: np.ndarray, place: int, moves: list[tuple[int, int]]
) -> None:
    word = np.stack([np.roll(honest[place], move, axis=(0, 1)) for move in moves])
    assert assess(word).quality is Quality.TOO_PLAIN
    assert count_different(word) == 1


def test_honest_words_of_invented_writers_are_good() -> None:
    written = synthetic_set(12, 40, seed=9).to_bits(1)
    rng, words = np.random.default_rng(0), 0
    for writer, _ in itertools.product(written.writers, range(40)):
        own = np.flatnonzero(written.writer == writer)
        index = rng.choice(own, int(rng.integers(4, 13)), replace=False)
        if len(set(written.symbol[index])) >= DIFFERENT:
            words += 1
            assert assess(written.pixels[index]).quality is Quality.GOOD
    assert words > 450


@pytest.mark.needs("ink")
def test_of_real_digits_two_in_ten_thousand_take_less_than_the_least_time() -> None:
    """The first point of a stroke has its time since the symbol began, every other one that since the point before."""
    with np.load(data_folder() / "ink" / "unipen_digits.npz") as stored:
        points, strokes, dt = stored["point_offset"], stored["stroke_offset"], stored["dt"].astype(np.int64)
    since = np.append(0, np.cumsum(dt))
    last = strokes[1:] - 1  # the last stroke of every digit
    durations_ms = since[points[last + 1]] - since[points[last]] - dt[points[strokes[:-1]]]
    assert len(durations_ms) == 11857
    assert (durations_ms < QualityLimits().least_ms).mean() < 2e-4
    assert (durations_ms < 60).mean() == pytest.approx(1e-3, abs=2e-4)


def test_times_are_told_by_symbol_and_by_word(honest: np.ndarray) -> None:
    word, least = honest[:5], QualityLimits().least_ms
    assert assess(word, durations_ms=[300, 200, 400, 250, 300]).quality is Quality.GOOD
    assert assess(word, durations_ms=[UNKNOWN_MS] * 5).quality is Quality.GOOD
    one = assess(word, durations_ms=[300, least - 1, 400, 250, 300])
    assert (one.quality, one.flaws[1]) == (Quality.TOO_FAST, Flaw.FAST)
    assert one.reason == f"symbol 2 took {least - 1} ms, at least {least} are needed"
    whole = assess(word, durations_ms=[99, 98, UNKNOWN_MS, 99, 100])
    assert (whole.quality, whole.flaws) == (Quality.TOO_FAST, (None,) * 5)
    assert "99 ms a symbol" in whole.reason
    assert assess(word, durations_ms=[100, 100, UNKNOWN_MS, UNKNOWN_MS, 100]).quality is Quality.GOOD


def test_no_writing_is_told_before_what_is_plain_and_that_before_what_is_fast(honest: np.ndarray) -> None:
    same = np.stack([honest[0]] * 4)
    assert assess(same, durations_ms=[1] * 4).quality is Quality.TOO_PLAIN
    assert assess(np.stack([*same, FLAWED["blank"][0]]), durations_ms=[1] * 5).quality is Quality.NOT_WRITING


def test_int8_fragments_are_judged_as_their_pixels(honest: np.ndarray) -> None:
    for fragment, _ in FLAWED.values():
        word = with_one(honest, fragment)
        assert assess((word ^ 0x80).view(np.int8)[..., np.newaxis]) == assess(word)


def test_two_symbols_are_never_too_plain_because_they_cannot_be_three(honest: np.ndarray) -> None:
    assert assess(np.stack([honest[0]] * 2)).quality is Quality.GOOD
    assert assess(honest[:1]).quality is Quality.GOOD


# --- readings ------------------------------------------------------------------------------------------------------


def certain(text: str, doubt: float = 1e-4) -> np.ndarray:
    p = np.full((len(text), 10), doubt / 9)
    p[np.arange(len(text)), [int(symbol) for symbol in text]] = 1 - doubt
    return np.log(p)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("7777", True),
        ("7171", True),
        ("71717171", True),
        ("7177", True),
        ("123", False),
        ("7773", True),
        ("7713", False),
    ],
)
def test_fewer_than_three_different_readings_are_too_plain(text: str, plain: bool, honest: np.ndarray) -> None:
    found = assess(honest[: len(text)], readings=certain(text))
    assert found.quality is (Quality.TOO_PLAIN if plain else Quality.GOOD)


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(0.01, 1.0, allow_nan=False)
    )
)
def test_the_probability_is_that_of_counting_all_words(weights: np.ndarray) -> None:
    p = weights / weights.sum(axis=1, keepdims=True)
    counted = sum(
        math.prod(p[t, symbol] for t, symbol in enumerate(word))
        for word in itertools.product(range(p.shape[1]), repeat=len(p))
        if len(set(word)) < DIFFERENT
    )
    assert fewer_than_three(np.log(p)) == pytest.approx(counted, abs=1e-9)


# --- what cannot be answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        np.zeros((0, 33, 33), np.uint8),
        np.zeros((4, 33, 32), np.uint8),
        np.zeros((33, 33), np.uint8),
        np.zeros((4, 33, 33), np.float32),
        np.zeros((4, 33, 33), np.bool_),
        None,
    ],
)
def test_what_is_no_word_of_fragments_is_an_error_and_no_answer(word: object) -> None:
    with pytest.raises(ValueError, match="fragments are"):
        assess(word)


@pytest.mark.parametrize("times", [[1, 2], [1.0, 2.0, 3.0, 4.0], [-2, 1, 1, 1], ["a"] * 4, [[1, 2, 3, 4]]])
def test_times_that_are_none_are_an_error(times: object, honest: np.ndarray) -> None:
    with pytest.raises(ValueError, match="durations are"):
        assess(honest[:4], durations_ms=times)


@pytest.mark.parametrize(
    "readings",
    [certain("123"), np.full((4, 10), np.nan), np.full((4, 10), 0.1), np.zeros(4), np.zeros((4, 0)), np.zeros((0, 10))],
)
def test_readings_that_are_none_are_an_error(readings: np.ndarray, honest: np.ndarray) -> None:
    with pytest.raises(ValueError, match="reading"):
        assess(honest[:4], readings=readings)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_limit_that_is_no_number_above_0_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="alike"):
        QualityLimits(alike=value)


def test_a_quality_cannot_be_used_as_a_bool() -> None:
    for quality in Quality:
        with pytest.raises(TypeError, match="no truth value"):
            bool(quality)
