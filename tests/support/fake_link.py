"""A board that is a list of events -> commands that decide on its words, called in this process."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.cli import run as run_module
from edge.cli.people import capture as capture_module
from firmware_bridge.session.events import Connected, Event, Statistics
from firmware_bridge.wire.framing import FrameCounters


class FakeLink:
    """A link to a list of events; it notes the last event asked for and how the block ended."""

    def __init__(self, events: list[Event]) -> None:
        self.said, self.asked, self.options = events, 0, {}
        self.counters, self.close = FrameCounters(), lambda: None
        self.left_with: type[BaseException] | None = EOFError

    def __call__(self, port: str, **options: Any) -> "FakeLink":
        self.options = {"port": port, **options}
        return self

    def __enter__(self) -> "FakeLink":
        return self

    def remember(self, head: bytes) -> None:
        self.head = head

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left_with = kind

    def events(self) -> Iterator[Event]:
        for event in self.said:
            self.asked += 1
            yield event
            if isinstance(event, Connected):
                yield Statistics(*[0] * 10, bytes(16))  # as a board says first of all
        self.asked += 1


@pytest.fixture
def link(board: Any, words: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    fake = FakeLink(board.writes(words[:4]))
    monkeypatch.setattr(run_module, "open_link", fake)
    monkeypatch.setattr(capture_module, "open_link", fake)
    return fake


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments])


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def blots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take whatever comes for writing: the tiny network's words are blots, which no gate would look at."""
    monkeypatch.setattr(run_module, "QualityLimits", lambda: None)
