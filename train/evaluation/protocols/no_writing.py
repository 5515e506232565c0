"""Protocol `not-writing`: what boards deliver of taps, bars, noise and the like, and what the gate accepts of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge.bundle.bundle import Bundle
from edge.decision.enrolment import Enrolment
from edge.gate.judging import Seen
from edge.ink.fragment import to_int8
from edge.ink.quality import Quality, assess
from edge.roster.writing import Network, Reader
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.figures import Answer, Cell, exact
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task, enrol
from train.evaluation.protocols.written import Outputs
from train.synthetic.not_writing import Kind, Word, attempts_of, kinds_of

BOARDS = ("pen", "camera")
_BLOCK = 250
"""Attempts of one job."""


@dataclass(frozen=True, eq=False)
class Door:
    """A gate's users and the bundle whose networks see what comes."""

    common: Common
    users: Sequence[Enrolment]
    bundle: Path


class Job(NamedTuple):
    """Attempts `first` to `first + number` of a kind that come by a board."""

    kind: Kind
    board: str
    first: int
    number: int
    seed: int


class Tally(NamedTuple):
    """Of so many attempts: words that a board delivered, words that were refused by reason, and words accepted."""

    attempts: int
    delivered: int
    accepted: int
    refused: Counter[str]


def not_writing(task: Task, bundle: Path) -> Answer:
    """Say how much of what is no writing is accepted as some user's."""
    users, _ = enrol(task.written, task.draws[0].users)
    jobs = [
        Job(kind, board, first, min(_BLOCK, task.trials - first), task.seed)
        for board in BOARDS
        for kind in kinds_of(board)
        for first in range(0, task.trials, _BLOCK)
    ]
    door = Door(task.common, users, bundle)
    tallies = spread(try_door, door, jobs, "not writing", task.progress, task.processes)
    rows: list[dict[str, Cell]] = []
    for board, kind in dict.fromkeys((job.board, job.kind) for job in jobs):
        mine = [t for job, t in zip(jobs, tallies, strict=True) if (job.board, job.kind) == (board, kind)]
        attempts, delivered, accepted = (sum(getattr(t, name) for t in mine) for name in Tally._fields[:3])
        refused = sum((t.refused for t in mine), Counter[str]())
        row: dict[str, Cell] = {"board": board, "what": kind.value, "attempts": attempts, "words": delivered}
        row |= {"accepted": accepted, "accepted %": exact(accepted, attempts)}
        rows.append(row | {reason: refused[reason] for reason in _REASONS})
    return Answer(
        "not-writing",
        f"Nobody says who he is; {len(users)} users of kind {task.written.kind} without PINs, words of 4 to 12 "
        f"symbols; gate at --far {task.common.policy.far:g}.",
        tuple(rows),
        (
            "'one-symbol' and 'one-sample' are of invented writers.",
            "Upper bounds are exact (Clopper-Pearson, one-sided 95 %).",
        ),
    )


_REASONS = ("not writing", "too plain", "too fast", "not known here", "another's")


def try_door(door: Door, job: Job) -> Tally:
    """Let a gate hear what a board makes of attempts to have something taken for writing."""
    gate, network, reader = _opened(door)
    tally = Tally(job.number, 0, 0, Counter())
    for attempt in attempts_of(job.kind, job.board, job.number, seed=job.seed, first=job.first):
        if attempt.word is None:
            continue
        accepted, reason = hear_word(gate, network, reader, attempt.word)
        tally.refused[reason] += not accepted
        tally = tally._replace(delivered=tally.delivered + 1, accepted=tally.accepted + accepted)
    return tally


def hear_word(gate: Gate, network: Network, reader: Reader, word: Word) -> tuple[bool, str]:
    """Return whether a word is accepted as somebody's, and else one of _REASONS.

    What is refused whatever the networks say is not shown to them: that saves most of the time.
    """
    quality = assess(word.fragments, durations_ms=word.durations_ms).quality
    if quality in (Quality.NOT_WRITING, Quality.TOO_PLAIN):
        return False, quality.value
    codes = to_int8(word.fragments)
    features, readings = network.features(codes), reader.read(codes)
    seen = [
        Seen(pixels, Outputs(np.empty(0), feature), reading, duration)
        for pixels, feature, reading, (duration, _) in zip(word.fragments, features, readings, word.times, strict=True)
    ]
    heard = gate.hear(seen)
    reason = next((r for r in _REASONS if heard.reason.startswith(r)), "another's")
    return heard.user >= 0, reason


_OPENED: list[tuple[Door, tuple[Gate, Network, Reader]]] = []


def _opened(door: Door) -> tuple[Gate, Network, Reader]:
    """Return the gate and the networks of this process, made when they are first needed."""
    if not _OPENED or _OPENED[0][0] is not door:
        bundle = Bundle.open(door.bundle)
        gate = Gate(door.common.evidence, door.users, (), replace(door.common.policy, claim=None))
        _OPENED[:] = [(door, (gate, bundle.engine(), bundle.reader()))]
    return _OPENED[0][1]
