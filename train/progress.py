"""How long work tells whoever waits for it how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told after every few steps how far a named piece of work is; `loss` is the mean since the last call."""

    def __call__(self, what: str, done: int, total: int, loss: float | None = None) -> None: ...


def silent(what: str, done: int, total: int, loss: float | None = None) -> None:
    """The Progress of those who do not want to know."""
