"""Protocol `users`: how errors grow with the number of users."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from train.data.datasets import Draw
from train.errors import TooFewWritersError
from train.evaluation.protocols.figures import Answer, Cell, curves, share
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import LEAST_TO_ENROL, Common, Task, enrol
from train.evaluation.protocols.words import Heard, Job, counted, hear, independent_trials

NUMBERS = (1, 10, 30, 100, 300, 1000)
STRANGERS, MOST_STRANGERS = 20, 100
"""Strangers who must be left over, and how many of them write if there are more."""
_WORDS = 400
"""Words of users, and of strangers, at each number of users."""


class Timed(NamedTuple):
    """A draw that was heard, and how long the gate took for a word in ms."""

    heard: Heard
    ms: float


def users(task: Task) -> Answer:
    """Say how errors grow with the number of users where nobody says who he is."""
    written = task.written
    able = [w for w, places in written.places.items() if len(places) >= LEAST_TO_ENROL]
    numbers = [n for n in NUMBERS if n <= len(able) - STRANGERS]
    if not numbers:
        raise TooFewWritersError(f"{len(able)} writers can be enrolled: too few for this protocol with strangers left")
    pack = [int(w) for w in np.random.default_rng([task.seed, 9]).permutation(able)]
    kinds = [(number, length) for number in numbers for length in task.lengths]
    jobs = [_job(task, _draw(pack, number), length) for number, length in kinds]
    found = spread(hear_timed, task.common, jobs, "users", task.progress, task.processes)
    rows: list[dict[str, Cell]] = []
    for (number, length), (heard, ms) in zip(kinds, found, strict=True):
        row: dict[str, Cell] = {"users": number, "symbols": length}
        independent = independent_trials([heard])
        row |= curves([heard.anyone_trials], independent, task.rounds)
        strange = counted(heard.theirs.accepted >= 0, heard.theirs.writers)
        row["gate FAR"] = share([strange], task.rounds, independent)
        row["gate FRR"] = share([counted(heard.mine.accepted != heard.labels, heard.mine.writers)], task.rounds)
        row["rank-1"] = share([counted(heard.named, heard.mine.writers)], task.rounds)
        row |= {"ms a word": round(ms, 2), "strangers": len(np.unique(heard.theirs.writers))}
        rows.append(row | {"independent trials": independent})
    return Answer(
        "users",
        f"Nobody says who he is; one draw of each number of users; gate at --far {task.common.policy.far:g}, which the "
        "users share.",
        tuple(rows),
        (
            "Of fewer than six users the device is not known from others' writing: the gate then takes its strict "
            "threshold, and its FRR is that.",
            "The time is that of one process on this machine, beside others that computed at the same time.",
        ),
    )


def hear_timed(common: Common, job: Job) -> Timed:
    """Hear a draw; the time includes what is learned once of the users."""
    began = time.perf_counter()
    heard = hear(common, job)
    words = len(heard.mine.writers) + len(heard.theirs.writers)
    return Timed(heard, 1000 * (time.perf_counter() - began) / words)


def _draw(pack: list[int], number: int) -> Draw:
    return Draw(tuple(sorted(pack[:number])), tuple(sorted(pack[number : number + MOST_STRANGERS])))


def _job(task: Task, draw: Draw, length: int) -> Job:
    enrolled, rest = enrol(task.written, draw.users)
    theirs = {stranger: task.written.of_writer(stranger) for stranger in draw.strangers}
    return Job(
        tuple(enrolled),
        (),
        rest,
        theirs,
        length,
        max(1, min(task.per_user, _WORDS // len(draw.users))),
        max(1, min(task.per_stranger, _WORDS // len(draw.strangers))),
        (task.seed, 9, len(draw.users), length),
    )
