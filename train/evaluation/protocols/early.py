"""Protocol `early`: words that may be accepted before they end, counted over all looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.decision.identify import Policy
from edge.decision.looks import EARLY, STEP, share_of_look
from train.evaluation.protocols.asking import Floats, Gate
from train.evaluation.protocols.figures import Answer, Cell, share
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task
from train.evaluation.protocols.words import Job, counted, make_job
from train.evaluation.protocols.written import Ints, draw_words, independent_words, words_apart

Flags = NDArray[np.bool_]

PER_USER, PER_STRANGER = 20, 4
"""At most so many words of each: every word is judged several times."""


class Bars(NamedTuple):
    """The ratios that a word must reach after 1..T symbols, if it ends there and if it goes on.

    Infinite where it cannot be accepted.
    """

    end: Floats
    look: Floats


class Said(NamedTuple):
    """What became of W words among K users: at a gate that waits for the end, and at one that does not.

    end, early  int64 [W], the number of the user who is accepted, -1 for nobody; nobody is named
    symbols     int64 [W], after how many the gate that does not wait has decided
    claim_end, claim_early, claim_symbols   the same [W, K] under the name of each user
    writers     int64 [W]
    """

    end: Ints
    early: Ints
    symbols: Ints
    claim_end: Flags
    claim_early: Flags
    claim_symbols: Ints
    writers: Ints


class Found(NamedTuple):
    """One draw at one number of symbols: users' words, who wrote each (labels), and strangers' words.

    apart: how many words that share no fragment each stranger can write.
    """

    mine: Said
    labels: Ints
    theirs: Said
    apart: Mapping[int, int]


def early(task: Task) -> Answer:
    """Say what is gained and lost by accepting words before they end, by counting over all looks at them."""
    fewer = replace(task, per_user=min(task.per_user, PER_USER), per_stranger=min(task.per_stranger, PER_STRANGER))
    lengths, count = task.early_lengths, len(task.draws)
    jobs = [make_job(fewer, draw, number, length) for length in lengths for number, draw in enumerate(task.draws)]
    found = spread(follow, task.common, jobs, "words, look by look", task.progress, task.processes)
    rows = [row_of(task, length, found[place * count : (place + 1) * count]) for place, length in enumerate(lengths)]
    users = len(task.draws[0].users)
    strangers = len(np.unique(np.concatenate([draw.theirs.writers for draw in found])))
    return Answer(
        "early",
        f"A word may be accepted before it ends, after every {STEP}th symbol; {count} draws of {users} users, "
        f"{strangers} strangers; gate at --far {task.common.policy.far:g}.",
        tuple(rows),
        (
            "Every FAR and FRR is over all looks at a word. 'at its end': the same words at a gate without --early.",
            f"The looks before the end share {100 * EARLY:g} % of the FAR, the end has what they left. Users with a "
            "PIN are never accepted early.",
            "Words are of random symbols, at least three of them different, as the gate asks of every word.",
        ),
    )


def follow(common: Common, job: Job) -> Found:
    """Enrol a draw of users and let both gates hear its words."""
    rng = np.random.default_rng(list(job.seed))
    written, gates = common.written, _gates(common, job)
    mine = _listen(common, gates, *draw_words(written, dict(job.mine), job.length, job.per_user, rng))
    theirs = _listen(common, gates, *draw_words(written, dict(job.theirs), job.length, job.per_stranger, rng))
    label = {user: number for number, user in enumerate(job.mine)}
    apart = words_apart(job.theirs, job.length)
    return Found(mine, np.array([label[int(w)] for w in mine.writers]), theirs, apart)


def looks_at(length: int, policy: Policy) -> list[int]:
    """Return after how many symbols a word of `length` symbols may be accepted while it goes on."""
    return [symbols for symbols in range(1, length + 1) if share_of_look(symbols, policy.min_symbols)]


def decide(ratios: Floats, bars: Bars) -> tuple[Flags, Ints]:
    """Judge words by their ratios [W, T, K] under the name of each user.

    Return who is accepted, early or at the end, [W, K], and after how many symbols it was decided.
    """
    reached = ratios >= bars.look[:, None]
    early = reached.any(axis=1)
    symbols = np.where(early, reached.argmax(axis=1) + 1, ratios.shape[1])
    return np.asarray(early | (ratios[:, -1] >= bars.end[-1])), np.asarray(symbols, np.int64)


def bars_of(common: Common, job: Job, policy: Policy) -> Bars:
    """Return the ratios that words must reach.

    The users of a draw are of one kind of input and on one device, and have the same.
    """
    gate = Gate(common.evidence, job.users, job.others, policy)
    features, readings = common.written.features[:1], common.written.readings[:1]
    lengths = range(1, job.length + 1)
    said = [gate.opinions(features.repeat(t, axis=0), readings.repeat(t, axis=0))[0] for t in lengths]
    long_enough = np.array(lengths) >= policy.min_symbols
    end, look = (np.array([getattr(opinion, name) for opinion in said]) for name in ("threshold", "early"))
    return Bars(np.where(long_enough, end, np.inf), np.where(long_enough, look, np.inf))


class _Gates(NamedTuple):
    """A gate that waits for the end of a word and one that does not, and what both ask for."""

    waiting: Gate
    eager: Gate
    waiting_claim: Bars
    eager_claim: Bars


def _gates(common: Common, job: Job) -> _Gates:
    waiting, eager = (replace(common.policy, claim=None, early=early) for early in (False, True))
    name = job.users[0].name
    policies = (replace(waiting, claim=name), replace(eager, claim=name))
    return _Gates(
        Gate(common.evidence, job.users, job.others, waiting),
        Gate(common.evidence, job.users, job.others, eager),
        *(bars_of(common, job, policy) for policy in policies),
    )


def _listen(common: Common, gates: _Gates, words: Ints, writers: Ints) -> Said:
    seen = [common.written.seen(word) for word in words]
    looks = looks_at(words.shape[1], common.policy)
    followed = [gates.eager.follow(word, looks) for word in seen]
    ratios = np.stack([word.ratios for word in followed])
    claim_early, claim_symbols = decide(ratios, gates.eager_claim)
    return Said(
        np.array([gates.waiting.hear(word).user for word in seen], np.int64),
        np.array([word.user for word in followed], np.int64),
        np.array([word.symbols for word in followed], np.int64),
        np.asarray(ratios[:, -1] >= gates.waiting_claim.end[-1]),
        claim_early,
        claim_symbols,
        writers,
    )


def row_of(task: Task, length: int, draws: Sequence[Found]) -> dict[str, Cell]:
    """Return the figures of all draws at one number of symbols."""
    independent = independent_words(*((draw.theirs.writers, draw.apart) for draw in draws))

    def far(hits: Sequence[Flags]) -> Cell:
        theirs = [counted(hit, draw.theirs.writers) for hit, draw in zip(hits, draws, strict=True)]
        return share(theirs, task.rounds, independent)

    def own(hits: Sequence[Flags]) -> Cell:
        return share([counted(hit, draw.mine.writers) for hit, draw in zip(hits, draws, strict=True)], task.rounds)

    row: dict[str, Cell] = {"symbols": length}
    row["at its end: FAR"] = far([d.theirs.end >= 0 for d in draws])
    row["early: FAR"] = far([d.theirs.early >= 0 for d in draws])
    row["at its end: FRR"] = own([d.mine.end != d.labels for d in draws])
    row["early: FRR"] = own([d.mine.early != d.labels for d in draws])
    row["early: taken for another"] = own([(d.mine.early >= 0) & (d.mine.early != d.labels) for d in draws])
    row["early: decided before the end"] = own([d.mine.symbols < length for d in draws])
    row["early: symbols until decided"] = _mean([d.mine.symbols for d in draws])
    row["claim, at its end: FAR"] = far([d.theirs.claim_end for d in draws])
    row["claim, early: FAR"] = far([d.theirs.claim_early for d in draws])
    row["claim, at its end: FRR"] = own([~_own(d.mine.claim_end, d.labels) for d in draws])
    row["claim, early: FRR"] = own([~_own(d.mine.claim_early, d.labels) for d in draws])
    row["claim, early: decided before the end"] = own([_own(d.mine.claim_symbols, d.labels) < length for d in draws])
    row["claim, early: symbols until decided"] = _mean([_own(d.mine.claim_symbols, d.labels) for d in draws])
    row["genuine words"] = sum(len(d.labels) for d in draws)
    row["strangers' words"] = sum(len(d.theirs.end) for d in draws)
    return row | {"independent trials": independent}


def _own(said: NDArray[Any], labels: Ints) -> NDArray[Any]:
    """Return what was said of each user's word under his own name: [W, K] -> [W]."""
    return said[np.arange(len(labels)), labels]


def _mean(symbols: Sequence[Ints]) -> float:
    return round(float(np.concatenate(symbols).mean()), 1)
