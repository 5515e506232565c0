"""Outcomes -> the lines of `--json`."""

from typing import Any

import click
import msgspec

from edge.gate.loop import Outcome
from edge.journal.export import escape as escape


def as_record(outcome: Outcome, verified: bool, signed: bool) -> dict[str, Any]:
    """Return what `inkgate run --json` says of an outcome."""
    decision = outcome.decision
    return {
        "time": outcome.time,
        "board": outcome.board,
        "session": outcome.session,
        "word": outcome.word,
        "symbols": decision.symbols,
        "decision": decision.verdict.name,
        "user": decision.user,
        "score": decision.score,
        "threshold": decision.threshold,
        "final": decision.final,
        "reason": decision.reason,
        "latency_ms": round(outcome.latency_ms, 3),
        "verified": verified,
        "signed": signed,
        "authenticated": outcome.authenticated,
    }


def counted(number: int, noun: str) -> str:
    """Return a number and the noun that it counts, such as `1 user` or `2 users`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def emit(record: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once: a reader of the pipe acts on it."""
    click.echo(msgspec.json.encode(record))
