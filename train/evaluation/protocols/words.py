"""Words of users and strangers -> what the gate says of each, under a claimed name and without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.decision.enrolment import Enrolment, Material
from edge.decision.error_rates import Trials
from train.data.datasets import Draw
from train.evaluation.protocols.asking import REFUSED, Floats, Gate
from train.evaluation.protocols.figures import Counted
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task, enrol
from train.evaluation.protocols.written import Ints, draw_words, independent_words, words_apart


class Said(NamedTuple):
    """What the gate said of W words among K users.

    ratios float64 [W, K]; accepted int64 [W], the number of the user, -1 for nobody; writers int64 [W].
    """

    ratios: Floats
    accepted: Ints
    writers: Ints


@dataclass(frozen=True, eq=False)
class Heard:
    """One draw of users, heard at one number of symbols.

    mine, theirs   users' and strangers' words
    labels         int64, the number of the user who wrote each of `mine`
    claim          the ratio that a user must reach who is the only one who may enter
    apart          how many words that share no fragment each writer, user or stranger, can write
    """

    users: tuple[int, ...]
    mine: Said
    labels: Ints
    theirs: Said
    claim: float
    apart: Mapping[int, int]

    @property
    def own(self) -> Floats:
        """Return the ratio of each user's word under his own name."""
        return self.mine.ratios[np.arange(len(self.labels)), self.labels]

    @property
    def claim_trials(self) -> Trials:
        """Return users' words under their own names against strangers' words under every user's."""
        theirs = self.theirs
        users = theirs.ratios.shape[1]
        return Trials(self.own, theirs.ratios.ravel(), self.mine.writers, np.repeat(theirs.writers, users))

    @property
    def other_trials(self) -> Trials:
        """Return users' words under their own names against users' words under every other user's."""
        others = np.arange(self.mine.ratios.shape[1])[None] != self.labels[:, None]
        return Trials(
            self.own, self.mine.ratios[others], self.mine.writers, np.repeat(self.mine.writers, others.sum(axis=1))
        )

    @property
    def named(self) -> NDArray[np.bool_]:
        """Return for each user's word whether he has the highest ratio of all users."""
        best = self.mine.ratios.argmax(axis=1) == self.labels
        return np.asarray(best & (self.own > REFUSED))

    @property
    def anyone_trials(self) -> Trials:
        """Return users' words against strangers' words when nobody is named.

        A word scores as its best user does.

        A user's word in which another user scores best counts as refused.
        """
        genuine = np.where(self.named, self.own, REFUSED)
        return Trials(genuine, self.theirs.ratios.max(axis=1), self.mine.writers, self.theirs.writers)

    def claim_accepted(self, said: Said) -> NDArray[np.bool_]:
        """Return which words would be accepted under which claimed name, [W, K]."""
        return np.asarray(said.ratios >= self.claim)


@dataclass(frozen=True, eq=False)
class Job:
    """One draw at one number of symbols.

    Who is enrolled from what, and the fragments that words are drawn from.
    """

    users: tuple[Enrolment, ...]
    others: tuple[Material, ...]
    mine: Mapping[int, Ints]
    theirs: Mapping[int, Ints]
    length: int
    per_user: int
    per_stranger: int
    seed: Sequence[int]


def hear_draws(task: Task, what: str) -> dict[int, list[Heard]]:
    """Return every draw of a task, heard at every length; users are enrolled from their first 65 %."""
    jobs = [make_job(task, draw, number, length) for length in task.lengths for number, draw in enumerate(task.draws)]
    heard = spread(hear, task.common, jobs, what, task.progress, task.processes)
    count = len(task.draws)
    return {length: heard[i * count : (i + 1) * count] for i, length in enumerate(task.lengths)}


def make_job(task: Task, draw: Draw, number: int, length: int) -> Job:
    """Return what is heard of a draw at a length; users are enrolled from their first 65 %."""
    users, rest = enrol(task.written, draw.users)
    theirs = {stranger: task.written.of_writer(stranger) for stranger in draw.strangers}
    seed = (task.seed, 2, number, length)
    return Job(tuple(users), (), rest, theirs, length, task.per_user, task.per_stranger, seed)


def hear(common: Common, job: Job) -> Heard:
    """Enrol a draw of users and let the gate hear its words."""
    rng = np.random.default_rng(list(job.seed))
    written = common.written
    gate = Gate(common.evidence, job.users, job.others, replace(common.policy, claim=None))
    mine = listen(common, gate, *draw_words(written, dict(job.mine), job.length, job.per_user, rng))
    theirs = listen(common, gate, *draw_words(written, dict(job.theirs), job.length, job.per_stranger, rng))
    label = {user: number for number, user in enumerate(job.mine)}
    return Heard(
        tuple(job.mine),
        mine,
        np.array([label[int(w)] for w in mine.writers]),
        theirs,
        claim_threshold(common, job.users, job.others, job.length),
        words_apart({**job.mine, **job.theirs}, job.length),
    )


def independent_trials(draws: Sequence[Heard]) -> int:
    """Return how many of strangers' words are independent, under however many names each was heard."""
    return independent_words(*((draw.theirs.writers, draw.apart) for draw in draws))


def listen(common: Common, gate: Gate, words: Ints, writers: Ints) -> Said:
    """Let the gate hear words given as places int64 [W, T]."""
    heard = [gate.hear(common.written.seen(word)) for word in words]
    return Said(np.stack([h.ratios for h in heard]), np.array([h.user for h in heard], np.int64), writers)


def claim_threshold(common: Common, users: Sequence[Enrolment], others: Sequence[Material], length: int) -> float:
    """Return the ratio that words of so many symbols must reach when their writer claims a name.

    The users of a draw are of one kind of input and on one device, and have one threshold. It is infinite where the
    policy accepts no word of so few symbols.
    """
    if length < common.policy.min_symbols:
        return float("inf")
    policy = replace(common.policy, claim=users[0].name)
    gate = Gate(common.evidence, users, others, policy)
    word = np.zeros(length, np.int64)
    written = common.written
    return gate.opinions(written.features[word], written.readings[word])[0].threshold


def counted(hits: NDArray[np.bool_], writers: Ints) -> Counted:
    """Return hits [W] or [W, K] with the writer of each."""
    flat = hits.reshape(len(hits), -1)
    return flat.ravel(), np.repeat(writers, flat.shape[1])
