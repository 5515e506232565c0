"""A final decision -> a command of the integrator's, run once, without a shell, and never for long.

The gate does not wait: commands run one after another beside it, and one that would begin later than STALE_S after its
decision does not run at all, because nobody stands at the door any more. What it is told is in its environment:

    INKGATE_VERDICT  ACCEPT or REJECT       INKGATE_BOARD, INKGATE_WORD  which word
    INKGATE_USER     "" unless accepted     INKGATE_TIME                 of the decision, ISO 8601 in UTC
    INKGATE_SCORE    "" where there is none

A command that does not end in time is killed with all that it started. That it fails, or cannot be started, is told and
changes nothing: the decision was made and recorded before.
"""

import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from edge.decision.rule import Verdict
from edge.errors import HookError
from edge.gate.loop import Outcome
from firmware_bridge.clock import elapsed_s

TIMEOUT_S: Final = 10.0
STALE_S: Final = 10.0
_END: Final = None


def parse_command(text: str) -> tuple[str, ...]:
    """Return the words of a command line, as a shell would part them.

    HookError for none, or for an open quote.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise HookError(f"{text!r}: {error}: give a program and its arguments") from error
    if not words:
        raise HookError("a command is a program and its arguments; this one is empty")
    return words


class _Due(NamedTuple):
    command: tuple[str, ...]
    environment: Mapping[str, str]
    decided_s: float


class Hooks:
    """Commands by verdict; it is a context manager, and waits at its end for what still runs.

    tell: called from another thread with a line for people when a command fails. HookError on entering if the system
    gives no thread.
    """

    def __init__(
        self,
        commands: Mapping[Verdict, tuple[str, ...]],
        tell: Callable[[str], None],
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._commands, self._tell, self._timeout_s, self._clock = commands, tell, timeout_s, clock
        self._due: queue.SimpleQueue[_Due | None] = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._work, name="hooks", daemon=True)

    def __enter__(self) -> "Hooks":
        try:
            self._worker.start()
        except RuntimeError as error:
            raise HookError(f"no thread for commands can be started: {error}: end other programs") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._due.put(_END)
        self._worker.join(2 * self._timeout_s)

    def follow(self, outcome: Outcome) -> None:
        """Run the command for a final decision, if there is one for its verdict."""
        decision = outcome.decision
        command = self._commands.get(decision.verdict) if decision.final else None
        if command is None:
            return
        told = {
            "INKGATE_VERDICT": decision.verdict.name,
            "INKGATE_USER": decision.user or "",
            "INKGATE_SCORE": "" if decision.score is None else f"{decision.score:.6g}",
            "INKGATE_BOARD": outcome.board,
            "INKGATE_WORD": str(outcome.word),
            "INKGATE_TIME": outcome.time,
        }
        self._due.put(_Due(command, told, self._clock()))

    def _work(self) -> None:
        while (due := self._due.get()) is not _END:
            late_s = self._clock() - due.decided_s
            if late_s > STALE_S:
                self._tell(f"{due.command[0]} was not run: its decision was {late_s:.0f} s ago")
                continue
            problem = self._run(due)
            if problem:
                self._tell(f"{due.command[0]} {problem}")

    def _run(self, due: _Due) -> str:
        """Run a command to its end, or until it is killed; return what went wrong, "" if nothing did."""
        try:
            process = subprocess.Popen(
                due.command, env={**os.environ, **due.environment}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            return f"cannot be started: {getattr(error, 'strerror', None) or error}"
        try:
            ended = process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # its group is its own, and it is not reaped yet
            process.wait()
            return f"was killed: it ran longer than {self._timeout_s:g} s"
        return "" if ended == 0 else f"ended with {ended}"
