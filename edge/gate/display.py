"""Outcomes of the loop -> one line a word for people, growing with the evidence while they write."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from edge.decision.rule import Decision, Verdict
from edge.gate.loop import Notice, Outcome

_STYLES = {Verdict.ACCEPT: "bold green", Verdict.REJECT: "bold red", Verdict.UNAVAILABLE: "bold yellow"}


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def passing_over_full_disk() -> Iterator[None]:
    """Let what is shown be lost while its disk is full: it is on record, and the gate goes on."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise


class Display:
    """The words' lines on a console, which may be a file on a full disk.

    On a terminal the word's line is rewritten at each fragment, elsewhere it is printed only when final.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._evidence = Text()

    def notice(self, notice: Notice) -> None:
        with passing_over_full_disk():
            self._console.print(Text(notice.text, style="dim"), soft_wrap=True)  # it may hold a command to copy

    def outcome(self, outcome: Outcome) -> None:
        with passing_over_full_disk():
            self._show(outcome)

    def _show(self, outcome: Outcome) -> None:
        decision = outcome.decision
        if not decision.final:
            self._evidence.append(*_mark(decision))
            if self._console.is_terminal:
                self._erase()
                self._console.print(self._line(outcome), end="\r", overflow="ellipsis", no_wrap=True)
            return
        self._erase()
        self._console.print(self._line(outcome), soft_wrap=True)
        self._evidence = Text()

    def _erase(self) -> None:
        """Erase the word's line, which may have been longer; where there is no terminal, do nothing."""
        self._console.control(Control((ControlType.ERASE_IN_LINE, 2)))

    def _line(self, outcome: Outcome) -> Text:
        decision = outcome.decision
        line = Text(f"word {outcome.word:<4} ").append_text(self._evidence).append(f"  {decision.symbols} symbols  ")
        if decision.final:
            line.append(decision.verdict.name, style=_STYLES[decision.verdict])
            line.append(f" {decision.user}" if decision.user else "", style="bold")
        elif decision.user:
            line.append(f"leaning: {decision.user}", style="dim")
        score = "" if decision.score is None else f"  score {decision.score:.3f}"
        return line.append(f"{score}  {outcome.latency_ms:.1f} ms  ").append(decision.reason, style="dim")


def _mark(decision: Decision) -> tuple[str, str]:
    """Return the mark of a running decision and its style: whether it leans to somebody."""
    return ("+", "green") if decision.user else ("·", "dim")
