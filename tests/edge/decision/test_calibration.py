"""Thresholds rise as the FAR falls, through what was counted and beyond, and nothing else is a calibration."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_evidence import FARS, calibration

from edge.errors import ThresholdsError

KNOWN = calibration(rate=2.0)


@given(st.floats(1e-12, 1 - 1e-9), st.floats(1e-12, 1 - 1e-9), st.integers(1, 30))
def test_a_lower_far_never_has_a_lower_threshold(one: float, other: float, symbols: int) -> None:
    low, high = sorted((one, other))
    assert KNOWN.threshold(low, symbols) >= KNOWN.threshold(high, symbols)


@pytest.mark.parametrize("far", [*FARS, 1e-3, 1e-6, 0.03])
def test_thresholds_of_an_exponential_tail_are_its_own(far: float) -> None:
    # What was counted lies on the very line of which the tail goes on.
    assert KNOWN.threshold(far, 4) == pytest.approx(-np.log(far) / 2.0)


def test_a_far_above_all_that_was_counted_takes_the_first_that_was() -> None:
    assert KNOWN.threshold(0.9, 4) == pytest.approx(KNOWN.threshold(FARS[0], 4))


@pytest.mark.parametrize("far", [0.0, 1.0, -0.1, float("nan")])
def test_no_threshold_keeps_a_far_outside_0_and_1(far: float) -> None:
    with pytest.raises(ThresholdsError):
        KNOWN.threshold(far, 4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"slope": (0.0,) * 20}, "above 0"),
        ({"rate": (float("inf"),) * 20}, "finite"),
        ({"fars": (0.01, 0.1)}, "falling"),
        ({"fars": (0.1,), "quantiles": (KNOWN.quantiles[0],), "refused": (KNOWN.refused[0],)}, "two FARs"),
        ({"refused": KNOWN.refused[:1]}, "two FARs"),
        ({"fars": (1.0, 0.1)}, "falling"),
        ({"quantiles": KNOWN.quantiles[::-1]}, "rise"),
        ({"quantiles": (KNOWN.quantiles[0][:5], KNOWN.quantiles[1])}, "20 finite"),
        ({"trials": 0}, "rests on words"),
    ],
)
def test_what_is_no_calibration_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ThresholdsError, match=said):
        msgspec.structs.replace(KNOWN, **wrong)
