"""A gate, its link and its records -> outcomes; what cannot be recorded is held up, not decided.

A full disk or a file that another program holds ends no gate. The word is dropped undecided, the line is let go, so
that the board keeps the word, and both are taken up again when the records can be written.
"""

import math
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Final, Protocol

from edge.errors import AttemptsError, UnrecordedError
from edge.gate.loop import Gate, Notice, Outcome
from firmware_bridge.session.events import Event

RETRY_S: Final = 1.0
NOTICE_AGAIN_S: Final = 60.0
"""A notice of what is held up is not given again before so many seconds have passed."""


class Line(Protocol):
    """What is needed of firmware_bridge.link.link.Link."""

    def events(self) -> Generator[Event, None, None]: ...
    def close(self) -> None: ...


def run_steadily(
    gate: Gate,
    line: Line,
    require_writable: Iterable[Callable[[], object]],
    *,
    waiting: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Outcome | Notice, None, None]:
    """Yield what the gate yields, across times in which nothing can be recorded.

    require_writable: each raises UnrecordedError or AttemptsError while its file cannot be written. waiting: called at
    least once a second while they do.
    """
    checks, told_s = tuple(require_writable), -math.inf
    while True:
        try:
            with closing(line.events()) as events:
                yield from gate.run(events)
            return
        except UnrecordedError as error:
            reason = str(error)
        line.close()  # What is not recorded is not acknowledged: the board sends it again.
        if clock() - told_s >= NOTICE_AGAIN_S:
            told_s = clock()
            yield Notice(f"{reason}; nothing is decided until it can be recorded")
        sleep(RETRY_S)
        while not _writable(checks):
            waiting()
            sleep(RETRY_S)


def _writable(checks: Iterable[Callable[[], object]]) -> bool:
    try:
        for check in checks:
            check()
    except (UnrecordedError, AttemptsError):
        return False
    return True
