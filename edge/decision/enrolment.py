"""What the networks saw of a person's writing -> the material he is known by, checked."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import EnrolmentError


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """Writing of one person, n fragments of one symbol each; the arrays are read-only copies.

    kind      kind of input, as a name of edge.ink.fragment_set.KINDS
    features  int8 [n, F], what the network says of each fragment
    symbols   int8 [n], which symbol it is: its place in the reader's alphabet
    readings  float32 [n, S], the reader's log-probability of each symbol of its alphabet
    writing   int32 [n], which of the person's writings it belongs to, from 0, never falling
    board     name of the board that it came from, None if unknown
    created   ISO 8601 in UTC

    EnrolmentError unless every array is as described, with n, F and S at least 1, symbols below S and readings finite.
    """

    kind: str
    features: npt.NDArray[np.int8]
    symbols: npt.NDArray[np.int8]
    readings: npt.NDArray[np.float32]
    writing: npt.NDArray[np.int32]
    board: str | None = None
    created: str = ""

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, _read_only(name, getattr(self, name), np.dtype(dtype)))
        n = len(self.symbols)
        if self.features.ndim != 2 or self.readings.ndim != 2 or self.symbols.ndim != 1 or self.writing.ndim != 1:
            raise EnrolmentError("features and readings have two axes, symbols and writing one")
        if not n or not {len(self.features), len(self.readings), len(self.writing)} == {n} or not self.features.size:
            raise EnrolmentError("features, symbols, readings and writing must be of the same fragments, at least one")
        if self.symbols.min() < 0 or self.symbols.max() >= self.readings.shape[1]:
            raise EnrolmentError(f"a symbol is not one of the {self.readings.shape[1]} that the reader knows")
        if not np.isfinite(self.readings).all():
            raise EnrolmentError("a reading is not a finite number")
        if self.writing[0] != 0 or not np.isin(np.diff(self.writing), (0, 1)).all():
            raise EnrolmentError("writings must be numbered 0, 1, 2 ... in order")

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def writings(self) -> int:
        """Return the number of writings."""
        return int(self.writing[-1]) + 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Enrolment(Material):
    """Material of a user, by name.

    pin     what he writes to enter, None if anything will do
    output  whose output of the network knows this hand, by the name it was trained under; None: none does
    """

    name: str
    pin: str | None = field(default=None, repr=False)
    output: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Visitor(Material):
    """Material of somebody who may not enter and left no name, by number from 1."""

    number: int


_DTYPES: dict[str, Any] = {"features": np.int8, "symbols": np.int8, "readings": np.float32, "writing": np.int32}


def _read_only(name: str, values: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the array, or a copy of one that could be written to. EnrolmentError if it has another type."""
    if not isinstance(values, np.ndarray) or values.dtype != dtype:
        raise EnrolmentError(f"{name} is {getattr(values, 'dtype', type(values).__name__)}, not {dtype}")
    fixed: npt.NDArray[Any] = values.copy() if values.flags.writeable else values
    fixed.flags.writeable = False
    return fixed
