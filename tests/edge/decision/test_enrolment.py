"""Material is checked when it is made, and never changes."""

from typing import Any

import numpy as np
import pytest
from enrolments import make_arrays

from edge.decision.enrolment import Material
from edge.errors import EnrolmentError


def make(**changed: Any) -> Material:
    return Material(kind="pen", **{**make_arrays(1), **changed})


def test_sound_material_says_how_much_it_is() -> None:
    material = make()
    assert (len(material), material.writings) == (12, 3)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"features": np.zeros((12, 7), np.int16)}, "features is int16"),
        ({"features": np.zeros((12, 0), np.int8)}, "same fragments"),
        ({"features": np.zeros(12, np.int8)}, "two axes"),
        ({"features": np.zeros((11, 7), np.int8)}, "same fragments"),
        ({"symbols": np.full(12, 10, np.int8)}, "not one of the 10"),
        ({"symbols": np.full(12, -1, np.int8)}, "not one of the 10"),
        ({"symbols": [1] * 12}, "symbols is list"),
        ({"readings": np.full((12, 10), np.nan, np.float32)}, "not a finite"),
        ({"readings": np.full((12, 10), -np.inf, np.float32)}, "not a finite"),
        ({"readings": np.zeros((12, 10))}, "readings is float64"),
        ({"writing": np.arange(12, dtype=np.int32) + 1}, "numbered"),
        ({"writing": np.array([0] * 6 + [2] * 6, np.int32)}, "numbered"),
        ({"writing": np.array([0] * 4 + [1] * 4 + [0] * 4, np.int32)}, "numbered"),
        ({name: value[:0] for name, value in make_arrays(1).items()}, "at least one"),
    ],
)
def test_material_that_contradicts_itself_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(EnrolmentError, match=why):
        make(**changed)


def test_material_does_not_change_with_the_arrays_it_was_made_from() -> None:
    arrays = make_arrays(1)
    material = Material(kind="pen", **arrays)
    before = material.features.tolist()
    arrays["features"][:] = 0
    assert material.features.tolist() == before
    with pytest.raises(ValueError, match="read-only"):
        material.features[0, 0] = 1
