"""Long work -> reports of how much of it is done."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Progress callback: `done` of `total` steps of the work named `what` are done.

    It is called after every few steps. `loss` is the mean loss since the last call, None for work without one.
    """

    def __call__(self, what: str, done: int, total: int, loss: float | None = None) -> None: ...


def silent(what: str, done: int, total: int, loss: float | None = None) -> None:
    """Ignore progress: the callback for callers who want no reports."""
