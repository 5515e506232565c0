"""Protocols `claim`, `identify` and `by-user`: random words, under a claimed name and without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.decision.error_rates import eer
from train.evaluation.protocols.figures import Answer, Cell, Counted, curves, share
from train.evaluation.protocols.task import Task
from train.evaluation.protocols.words import Heard, counted, independent_trials

_RANDOM = "Words are of random symbols, at least three of them different, as the gate asks of every word."


def claim(task: Task, heard: Mapping[int, Sequence[Heard]]) -> Answer:
    """Say how often somebody gets in under the name he claims."""
    rows, det, operating = [], {}, {}
    for symbols, draws in heard.items():
        trials = [draw.claim_trials for draw in draws]
        independent = independent_trials(draws)
        row: dict[str, Cell] = {"symbols": symbols}
        row |= curves(trials, independent, task.rounds)
        row["gate FAR"] = share([_accepted(d) for d in draws], task.rounds, independent)
        row["gate FRR"] = share([counted(d.own < d.claim, d.mine.writers) for d in draws], task.rounds)
        if len(draws[0].users) > 1:
            row["EER, other users"] = curves([d.other_trials for d in draws], independent, task.rounds)["EER"]
        rows.append(row | _sizes(draws, independent))
        det[f"{symbols} symbols"] = trials
        operating[f"{symbols} symbols"] = _point(row)
    question = f"The writer says who he is; {_many(heard)}; gate at --far {task.common.policy.far:g}."
    return Answer("claim", question, tuple(rows), (_RANDOM,), det, operating)


def identify(task: Task, heard: Mapping[int, Sequence[Heard]]) -> Answer:
    """Say how often somebody gets in where nobody says who he is."""
    rows, det, operating = [], {}, {}
    for symbols, draws in heard.items():
        trials = [draw.anyone_trials for draw in draws]
        independent = independent_trials(draws)
        row: dict[str, Cell] = {"symbols": symbols}
        row |= curves(trials, independent, task.rounds)
        row["gate FAR"] = share(
            [counted(d.theirs.accepted >= 0, d.theirs.writers) for d in draws], task.rounds, independent
        )
        row["gate FRR"] = share([counted(d.mine.accepted != d.labels, d.mine.writers) for d in draws], task.rounds)
        row["taken for another"] = share([counted(_mistaken(d), d.mine.writers) for d in draws], task.rounds)
        right = [counted(d.named, d.mine.writers) for d in draws]
        row["rank-1"] = share(right, task.rounds)
        rows.append(row | _sizes(draws, independent))
        det[f"{symbols} symbols"] = trials
        operating[f"{symbols} symbols"] = _point(row)
    question = f"Nobody says who he is; {_many(heard)}; gate at --far {task.common.policy.far:g}."
    return Answer("identify", question, tuple(rows), (_RANDOM,), det, operating)


def by_user(task: Task, heard: Mapping[int, Sequence[Heard]]) -> Answer:
    """Say how unlike each other users are: each one's errors, and who is taken for whom."""
    rows, notes = [], [_RANDOM]
    for symbols, draws in heard.items():
        refused, entered, equal = [], [], []
        for draw in draws:
            accepted = draw.claim_accepted(draw.theirs)
            for number, user in enumerate(draw.users):
                own = draw.own[draw.labels == number]
                refused.append((float((own < draw.claim).mean()), user))
                entered.append((float(accepted[:, number].mean()), user))
                equal.append((eer(own, draw.theirs.ratios[:, number]), user))
        row: dict[str, Cell] = {"symbols": symbols, "users": len(refused)}
        for name, values in (("FRR", refused), ("FAR", entered), ("EER", equal)):
            figures = 100 * np.array([value for value, _ in values])
            row[f"{name}: median"], row[f"{name}: 90 % of users below"] = (
                round(float(q), 2) for q in np.quantile(figures, [0.5, 0.9])
            )
            row[f"{name}: worst"] = round(float(figures.max()), 2)
            row[f"{name}: worst user"] = str(max(values)[1])
        rows.append(row)
        notes += _confusions(symbols, draws)
    question = (
        f"The writer says who he is; each user by himself; {_many(heard)}; gate at --far {task.common.policy.far:g}."
    )
    return Answer("by-user", question, tuple(rows), tuple(notes))


def _confusions(symbols: int, draws: Sequence[Heard]) -> list[str]:
    """Tell which users' words were taken for another user's, where nobody says who he is."""
    pairs = [
        (draw.users[int(mine)], draw.users[int(taken)])
        for draw in draws
        for mine, taken in zip(draw.labels, draw.mine.accepted, strict=True)
        if taken not in (-1, mine)
    ]
    words = sum(len(draw.labels) for draw in draws)
    counts = {pair: pairs.count(pair) for pair in dict.fromkeys(pairs)}
    told = ", ".join(f"{a} for {b} {n} times" for (a, b), n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:8])
    return [
        f"{symbols} symbols, nobody named: of {words} words of users {len(pairs)} were taken for another's: "
        f"{told or 'none'}."
    ]


def _accepted(draw: Heard) -> Counted:
    return counted(draw.claim_accepted(draw.theirs), draw.theirs.writers)


def _mistaken(draw: Heard) -> NDArray[np.bool_]:
    return np.asarray((draw.mine.accepted >= 0) & (draw.mine.accepted != draw.labels))


def _point(row: Mapping[str, Cell]) -> tuple[float, float]:
    far, frr = row["gate FAR"], row["gate FRR"]
    assert isinstance(far, dict)
    assert isinstance(frr, dict)
    return far["value"] / 100, frr["value"] / 100


def _sizes(draws: Sequence[Heard], independent: int) -> dict[str, Cell]:
    return {
        "genuine words": sum(len(draw.labels) for draw in draws),
        "strangers' words": sum(len(draw.theirs.writers) for draw in draws),
        "independent trials": independent,
    }


def _many(heard: Mapping[int, Sequence[Heard]]) -> str:
    draws = next(iter(heard.values()))
    strangers = len(np.unique(np.concatenate([draw.theirs.writers for draw in draws])))
    users = len({user for draw in draws for user in draw.users})
    return f"{len(draws)} draws of {len(draws[0].users)} users ({users} people), {strangers} strangers"
