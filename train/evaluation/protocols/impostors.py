"""Protocol `impostors`: strangers by what they write.

Random words, one symbol, one sample, what they choose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from train.data.datasets import Draw
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.figures import Answer, Cell, Counted, share
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task, enrol
from train.evaluation.protocols.words import Heard, claim_threshold, counted, independent_trials
from train.evaluation.protocols.written import Ints, Written, draw_word, independent_words

TRIES = 20
"""Words that one who chooses what to write tries, seeing each time how near he came."""

_RANDOM, _OTHERS = "random words", "other users, random words"
_SYMBOL, _BEST = "one symbol, written anew", "the best of his own symbols, written anew"
_SAMPLE, _CHOOSES = "one sample, again and again", f"three symbols he chooses, best of {TRIES} words"


class Job(NamedTuple):
    """A draw at one number of symbols."""

    draw: Draw
    length: int
    seed: tuple[int, ...]


def impostors(task: Task, heard: Mapping[int, Sequence[Heard]]) -> Answer:
    """Say how often strangers get in by what they write, with and without a claimed name."""
    lengths = list(heard)
    jobs = [Job(draw, length, (task.seed, 5, n, length)) for length in lengths for n, draw in enumerate(task.draws)]
    tried = spread(try_all, task.common, jobs, "impostors", task.progress, task.processes)
    rows: list[dict[str, Cell]] = []
    for place, (length, draws) in enumerate(heard.items()):
        found = tried[place * len(task.draws) : (place + 1) * len(task.draws)]
        independent = independent_trials(draws)
        random_claim = [counted(d.claim_accepted(d.theirs), d.theirs.writers) for d in draws]
        random_anyone = [counted(d.theirs.accepted >= 0, d.theirs.writers) for d in draws]
        rows.append(_row(task, length, _RANDOM, random_claim, random_anyone, independent))
        if len(draws[0].users) > 1:
            own = independent_words(*((draw.mine.writers, draw.apart) for draw in draws))
            rows.append(_row(task, length, _OTHERS, [_as_others(d) for d in draws], None, own))
        for kind in (_SYMBOL, _BEST, _SAMPLE, _CHOOSES):
            claimed, anyone = [each[kind][0] for each in found], [each[kind][1] for each in found]
            people = sum(len(hits) for hits, _ in anyone)
            rows.append(_row(task, length, kind, claimed, anyone, people))
    return Answer(
        "impostors",
        f"Strangers, by what they write; gate at --far {task.common.policy.far:g}.",
        tuple(rows),
        (
            "Where the best of several words counts, a trial is one stranger and all his words.",
            "Words of fewer than three different symbols are refused as too plain before any evidence is asked for.",
            "Those who know a PIN and write it in their own hand: protocol pin.",
        ),
    )


def try_all(common: Common, job: Job) -> dict[str, tuple[Counted, Counted]]:
    """Let every stranger of a draw try every kind of word.

    By kind, hits under each claimed name and under none.
    """
    rng = np.random.default_rng(list(job.seed))
    users, _ = enrol(common.written, job.draw.users)
    gate = Gate(common.evidence, users, (), replace(common.policy, claim=None))
    limit = claim_threshold(common, users, (), job.length)
    found = {}
    for kind, write in _KINDS.items():
        claimed, anyone = [], []
        for stranger in job.draw.strangers:
            words = write(common.written, common.written.of_writer(stranger), job.length, rng)
            heard = [gate.hear(common.written.seen(word)) for word in words]
            claimed.append(np.any([h.ratios >= limit for h in heard], axis=0))
            anyone.append(any(h.user >= 0 for h in heard))
        writers = np.array(job.draw.strangers, np.int64)
        found[kind] = counted(np.stack(claimed), writers), counted(np.array(anyone), writers)
    return found


def _one_symbol(written: Written, places: Ints, length: int, rng: np.random.Generator) -> list[Ints]:
    symbol = rng.choice(written.symbols[places])
    return [_again(places[written.symbols[places] == symbol], length, rng)]


def _best_symbol(written: Written, places: Ints, length: int, rng: np.random.Generator) -> list[Ints]:
    symbols = written.symbols[places]
    return [_again(places[symbols == symbol], length, rng) for symbol in np.unique(symbols)]


def _one_sample(written: Written, places: Ints, length: int, rng: np.random.Generator) -> list[Ints]:
    return [np.full(length, rng.choice(places), np.int64)]


def _chosen(written: Written, places: Ints, length: int, rng: np.random.Generator) -> list[Ints]:
    words = []
    for _ in range(TRIES):
        symbols = written.symbols[places]
        three = rng.permutation(np.unique(symbols))[:3]
        words.append(draw_word(places[np.isin(symbols, three)], written.symbols, length, rng))
    return words


_KINDS: dict[str, Callable[[Written, Ints, int, np.random.Generator], list[Ints]]] = {
    _SYMBOL: _one_symbol,
    _BEST: _best_symbol,
    _SAMPLE: _one_sample,
    _CHOOSES: _chosen,
}


def _again(places: Ints, length: int, rng: np.random.Generator) -> Ints:
    return np.asarray(rng.choice(places, length, replace=len(places) < length), np.int64)


def _as_others(draw: Heard) -> Counted:
    others = np.arange(len(draw.users))[None] != draw.labels[:, None]
    return draw.claim_accepted(draw.mine)[others], np.repeat(draw.mine.writers, others.sum(axis=1))


def _row(
    task: Task,
    length: int,
    kind: str,
    claimed: Sequence[Counted],
    anyone: Sequence[Counted] | None,
    independent: int,
) -> dict[str, Cell]:
    return {
        "symbols": length,
        "what is written": kind,
        "accepted, name claimed": share(claimed, task.rounds, independent),
        "accepted, nobody named": None if anyone is None else share(anyone, task.rounds, independent),
        "independent trials": independent,
    }
