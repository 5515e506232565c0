"""What the gate's loop is put together from, as it needs them."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.gate.judging import Outputs
from edge.journal.row import Entry


class Network(Protocol):
    """What the loop needs of edge.bundle.engine.Engine."""

    def reset(self) -> None: ...
    def step(self, fragment: npt.NDArray[np.int8], /) -> Outputs: ...


class Recorder(Protocol):
    """What the loop needs of edge.journal.journal.Journal."""

    def record(self, entry: Entry, /) -> bool: ...
    def decided(self, board: str, session: int, word: int, /) -> bool: ...


class Limiter(Protocol):
    """What the loop needs of edge.gate.attempts.Attempts."""

    def begin(self, board: str, /) -> None: ...
    def accept(self, board: str, /) -> None: ...
    def set_apart(self, board: str, /) -> None: ...
