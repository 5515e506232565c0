"""The claims of train.synthetic.not_writing: what boards make of what is no writing, and that it is told."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from edge.ink.fragment_set import FragmentSet
from edge.ink.quality import Flaw, Quality, assess
from train.synthetic.digitiser import board_words
from train.synthetic.not_writing import PATHS, Kind, Word, attempts_of, by_camera, by_pen, kinds_of, words_of
from train.synthetic.picture import draw_picture

ALL = [(path, kind) for path in PATHS for kind in kinds_of(path)]
NOTHING_SEEN = [("camera", Kind.BLANK)]


def words(kind: Kind, path: str, count: int) -> Iterator[Word]:
    return (word for word in words_of(kind, path, count, seed=5) if word is not None)


@pytest.mark.parametrize(("path", "kind"), ALL)
def test_an_attempt_is_a_word_of_black_and_white_fragments_or_nothing(path: str, kind: Kind) -> None:
    found = list(words(kind, path, 8))
    assert ((path, kind) in NOTHING_SEEN) == (not found)
    for word in found:
        FragmentSet(word.fragments, *(np.zeros(len(word.fragments), np.int32) for _ in range(3)))
        assert set(np.unique(word.fragments)) <= {0, 255}
        assert len(word.times) == len(word.durations_ms) == len(word.fragments)
        assert (word.durations_ms >= 0).all() if path == "pen" else (word.durations_ms == -1).all()


@pytest.mark.parametrize(("path", "kind"), [("pen", Kind.TAPS), ("camera", Kind.SCRIBBLE), ("wire", Kind.NOISE)])
def test_an_attempt_depends_on_its_seed_and_number_alone(path: str, kind: Kind) -> None:
    few, many = (list(words_of(kind, path, count, seed=5)) for count in (3, 6))
    other = list(words_of(kind, path, 6, seed=6))
    for one, same in zip(few, many, strict=False):
        assert (one is None) == (same is None)
        assert one is None or same is None or np.array_equal(one.fragments, same.fragments)
    assert any(
        a is None or b is None or not np.array_equal(a.fragments, b.fragments) for a, b in zip(many, other, strict=True)
    )
    assert len({word.fragments.tobytes() for word in many if word is not None}) > 3, "and no two are one"


@pytest.mark.parametrize("path", ["pen", "camera"])
def test_what_is_seen_is_what_the_boards_twin_makes_the_word_of(path: str) -> None:
    for attempt in attempts_of(Kind.CIRCLES, path, 3, bits=8):
        assert attempt.seen is not None
        assert attempt.word is not None
        if path == "pen":
            (expected,) = board_words(attempt.seen.astype(np.uint16))
        else:
            seen = by_camera(attempt.seen.astype(np.uint8))
            assert seen is not None
            expected = list(seen.fragments)
        np.testing.assert_array_equal(attempt.word.fragments, np.stack(expected))
        assert len(np.unique(attempt.word.fragments)) > 2, "8 bits a pixel are grey"


@pytest.mark.parametrize(
    ("path", "kind", "flaws"),
    [
        ("pen", Kind.TAPS, {Flaw.DOT, Flaw.SOLID}),
        ("pen", Kind.DOTS, {Flaw.DOT, Flaw.SOLID}),
        ("pen", Kind.DISCS, {Flaw.SOLID}),
        ("camera", Kind.TAPS, {Flaw.SOLID, Flaw.FULL}),
        ("camera", Kind.DOTS, {Flaw.SOLID, Flaw.FULL}),
        ("camera", Kind.DISCS, {Flaw.SOLID}),
        ("wire", Kind.BLANK, {Flaw.BLANK}),
        ("wire", Kind.FULL, {Flaw.FULL}),
        ("wire", Kind.NOISE, {Flaw.NOISE, Flaw.FULL}),
    ],
)
def test_what_is_plainly_no_writing_is_told(path: str, kind: Kind, flaws: set[Flaw]) -> None:
    for word in islice(words(kind, path, 60), 40):
        found = assess(word.fragments, durations_ms=word.durations_ms)
        assert found.quality in (Quality.NOT_WRITING, Quality.TOO_PLAIN)
        assert {flaw for flaw in found.flaws if flaw not in (None, Flaw.FAST)} <= flaws


@pytest.mark.parametrize("kind", [Kind.SAMPLE, Kind.CIRCLES])
@pytest.mark.parametrize("path", ["pen", "camera"])
def test_most_of_what_is_always_the_same_is_too_plain(path: str, kind: Kind) -> None:
    found = [assess(word.fragments).quality for word in words(kind, path, 30)]
    assert found.count(Quality.TOO_PLAIN) > 0.6 * len(found)


def test_a_touch_too_short_for_a_symbol_makes_no_word() -> None:
    short = np.zeros((130, 3), np.uint16)
    short[:3] = 500, 500, 1024
    assert by_pen(short) is None
    short[3] = 500, 500, 1024
    tapped = by_pen(short)
    assert tapped is not None
    assert tapped.times == ((30, None),)
    assert by_camera(draw_picture(np.zeros((0, 33, 33), np.uint8), np.random.default_rng(0))) is None


@pytest.mark.parametrize(("path", "kind"), [("pen", Kind.BLANK), ("wire", Kind.BARS), ("post", Kind.BARS)])
def test_what_cannot_come_that_way_is_refused(path: str, kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"{kind.value} cannot come by {path}"):
        list(words_of(kind, path, 1))
