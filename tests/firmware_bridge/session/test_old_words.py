"""Nobody in the middle of the line makes a host take an old, foreign or invented word for a fresh one."""

import pytest
from old_words import ATTACKS, counted

from firmware_bridge.session.age import BoardClock


def test_of_2_000_recorded_delayed_spliced_reflected_or_altered_words_none_is_fresh() -> None:
    """The benchmark tests/benchmarks/old_words.py makes 100,000 tries; genuine words in between are fresh."""
    tried, taken = counted(2_000, seed=1)
    genuine = tried.pop("genuine")
    assert taken.pop("genuine") == genuine == 20
    assert sum(tried.values()) == 2_000
    assert min(tried[attack.__name__] for attack in ATTACKS) > 300
    assert sum(taken.values()) == 0


def test_without_ages_the_words_that_were_held_up_would_be_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoardClock, "age_s", lambda *_: 0.0)
    tried, taken = counted(300, seed=2)
    assert taken.pop("delayed") >= tried["delayed"] > 30
    assert taken.pop("genuine") == 3
    assert sum(taken.values()) == 0
