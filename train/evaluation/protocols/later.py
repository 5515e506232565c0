"""Protocols `later` and `another-day`: enrolled from early writing, tried on what was written later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from train.data.datasets import Draw
from train.errors import TooFewWritersError
from train.evaluation.protocols.figures import Answer, Cell, curves, share
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Task
from train.evaluation.protocols.words import Heard, Job, counted, hear, independent_trials
from train.evaluation.protocols.written import Ints, Written

SPAN = 60
"""Fragments that enrol, and fragments of each later part of the sitting."""
_LEAST = 4
"""Fragments of a day, at least, from which a word is taken or a user enrolled."""


def later(task: Task) -> Answer:
    """Say how errors grow within one sitting.

    Enrolled on the first 60 fragments, tried on the next, and later.
    """
    written = task.written
    long = {w: places for w, places in written.places.items() if len(places) >= 2 * SPAN}
    parts = min((len(places) for places in long.values()), default=0) // SPAN - 1
    draws = _draws(task, list(long), f"wrote {2 * SPAN} fragments in a sitting")
    spans = [(part, slice(SPAN * part, SPAN * (part + 1))) for part in range(1, parts + 1)]
    jobs = [
        _job(
            task,
            draw,
            {user: long[user][:SPAN] for user in draw.users},
            {w: long[w][span] for w in (*draw.users, *draw.strangers)},
            length,
            (task.seed, 6, part, length, number),
        )
        for part, span in spans
        for length in task.lengths
        for number, draw in enumerate(draws)
    ]
    heard = spread(hear, task.common, jobs, "later", task.progress, task.processes)
    names = [f"fragments {SPAN * part + 1} to {SPAN * (part + 1)}" for part, _ in spans]
    rows = _rows(task, [(name, length) for name in names for length in task.lengths], heard, len(draws))
    return Answer(
        "later",
        f"Enrolled from the first {SPAN} fragments of a sitting, tried on later ones, as strangers are; "
        f"{len(draws)} draws of {len(draws[0].users)} users, gate at --far {task.common.policy.far:g}.",
        tuple(rows),
    )


def another_day(task: Task) -> Answer:
    """Say what is known of errors on another day than that of the enrolment."""
    written = task.written
    days = {w: _days(written, places) for w, places in written.places.items()}
    again = {w: found for w, found in days.items() if len(found) >= 2}
    draws = _draws(task, list(again), "wrote on two days")
    longest = _common_length(again)
    lengths = tuple(length for length in task.lengths if length <= longest)
    if not lengths:
        raise TooFewWritersError(
            f"people wrote {longest} symbols on later days: too few for this protocol; take fewer --symbols"
        )
    jobs = [
        _job(
            task,
            draw,
            {user: next(iter(again[user].values())) for user in draw.users},
            {w: np.concatenate(list(again[w].values())[1:]) for w in (*draw.users, *draw.strangers)},
            length,
            (task.seed, 7, length, number),
        )
        for length in lengths
        for number, draw in enumerate(draws)
    ]
    heard = spread(hear, task.common, jobs, "another day", task.progress, task.processes)
    gaps = [day - min(found) for found in again.values() for day in list(found)[1:]]
    enrolled = [len(next(iter(found.values()))) for found in again.values()]
    rows = _rows(task, [("another day", length) for length in lengths], heard, len(draws))
    return Answer(
        "another-day",
        f"Enrolled on the first day, tried on later ones; {len(again)} people wrote on two days or more; "
        f"gate at --far {task.common.policy.far:g}.",
        tuple(rows),
        (
            f"Later days are {min(gaps)} to {max(gaps)} days after the first, median {np.median(gaps):g}.",
            f"A user is enrolled from the {min(enrolled)} to {max(enrolled)} symbols of one day (median "
            f"{np.median(enrolled):g}) that the reader reads, mostly one of each: far fewer than a gate asks for. "
            "What the days cost cannot be told from what so few symbols cost.",
        ),
    )


def _draws(task: Task, able: Sequence[int], what: str) -> tuple[Draw, ...]:
    users = min(len(task.draws[0].users), len(able) // 2)
    if users < 2:
        raise TooFewWritersError(f"{len(able)} writers {what}: too few for this protocol; take another --dataset")
    pack = [int(w) for w in np.random.default_rng([task.seed, 8]).permutation(list(able))]
    chosen = [tuple(sorted(pack[at : at + users])) for at in range(0, len(pack) - users + 1, users)]
    return tuple(Draw(group, tuple(sorted(set(pack) - set(group)))) for group in chosen[: max(1, len(task.draws))])


def _job(
    task: Task, draw: Draw, first: Mapping[int, Ints], tested: Mapping[int, Ints], length: int, seed: Sequence[int]
) -> Job:
    return Job(
        tuple(task.written.enrolment(str(user), first[user]) for user in draw.users),
        (),
        {user: tested[user] for user in draw.users},
        {stranger: tested[stranger] for stranger in draw.strangers},
        length,
        task.per_user,
        task.per_stranger,
        seed,
    )


def _days(written: Written, places: Ints) -> dict[int, Ints]:
    """Return a writer's fragments by day, first day first; days of hardly any fragment are left out."""
    session = written.session[places]
    found = {int(day): places[session == day] for day in np.unique(session[session >= 0])}
    return {day: mine for day, mine in found.items() if len(mine) >= _LEAST}


def _common_length(days: Mapping[int, Mapping[int, Ints]]) -> int:
    """Return the symbols that all but a tenth of the people wrote on later days.

    A word has no fragment twice.
    """
    later_days = [sum(len(mine) for mine in list(found.values())[1:]) for found in days.values()]
    return int(np.quantile(later_days, 0.1))


def _rows(task: Task, kinds: Sequence[tuple[str, int]], heard: Sequence[Heard], draws: int) -> list[dict[str, Cell]]:
    rows = []
    for place, (name, length) in enumerate(kinds):
        found = heard[place * draws : (place + 1) * draws]
        independent = independent_trials(found)
        row: dict[str, Cell] = {"tried on": name, "symbols": length}
        row |= curves([draw.claim_trials for draw in found], independent, task.rounds)
        accepted = [counted(d.claim_accepted(d.theirs), d.theirs.writers) for d in found]
        row["gate FAR, name claimed"] = share(accepted, task.rounds, independent)
        row["gate FRR, name claimed"] = share([counted(d.own < d.claim, d.mine.writers) for d in found], task.rounds)
        row["independent trials"] = independent
        rows.append(row)
    return rows
