"""A dataset and a bundle -> who enrols, who stays a stranger, and what all protocols share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.decision.enrolment import Enrolment
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import Policy
from train.data.datasets import ENROL_SHARE, SPLIT_SEED, Draw
from train.errors import TooFewWritersError
from train.evaluation.protocols.written import Ints, Written, first_share
from train.progress import Progress, silent

LENGTHS = (4, 8, 12)
EARLY_LENGTHS = (12, 20)
"""Symbols of the words of protocol `early`: shorter ones leave little to save."""
LEAST_TO_ENROL = 40
"""A writer with fewer fragments is a stranger only: they are too few to enrol from and to test on."""


@dataclass(frozen=True, eq=False)
class Common:
    """What every job of a protocol needs: the handwriting, the evidence model, and what is risked."""

    written: Written
    evidence: EvidenceModel
    policy: Policy


@dataclass(frozen=True, eq=False)
class Task:
    """What is evaluated.

    draws       users and strangers of each draw
    lengths     symbols of the words; early_lengths: of those that may be accepted before their end
    seed        of everything that is drawn
    rounds      of the bootstrap
    writings    how often a PIN is written to enrol
    trials      words of each kind of what is no writing
    per_user, per_stranger   words of each length
    processes   how many compute; None stands for one a processor
    """

    common: Common
    draws: tuple[Draw, ...]
    lengths: tuple[int, ...] = LENGTHS
    early_lengths: tuple[int, ...] = EARLY_LENGTHS
    seed: int = SPLIT_SEED
    rounds: int = 200
    writings: tuple[int, ...] = (5,)
    trials: int = 10_000
    per_user: int = 40
    per_stranger: int = 10
    processes: int | None = None
    progress: Progress = silent

    @property
    def written(self) -> Written:
        """Return the handwriting."""
        return self.common.written


def draw_from(counts: Mapping[int, int], users: int, draws: int, seed: int) -> tuple[Draw, ...]:
    """Draw users among writers with enough fragments; all other writers are strangers.

    counts: fragments of each writer. Users are dealt from one shuffled pack, so that no two draws share one; there are
    as many draws as the pack allows, at most `draws`. TooFewWritersError if it does not allow one with a stranger left
    over.
    """
    writers = sorted(counts)
    able = [writer for writer in writers if counts[writer] >= LEAST_TO_ENROL]
    if users > len(able) or users >= len(writers):
        raise TooFewWritersError(
            f"{users} users cannot be drawn from {len(able)} writers with {LEAST_TO_ENROL} fragments or more, of "
            f"{len(writers)} in all, with a stranger left over; --users takes fewer"
        )
    pack = np.random.default_rng([seed, 4]).permutation(able)
    found = []
    for start in range(0, min(draws * users, len(pack) - users + 1), users):
        chosen = sorted(int(w) for w in pack[start : start + users])
        found.append(Draw(tuple(chosen), tuple(sorted(set(writers) - set(chosen)))))
    return tuple(found)


def enrol(
    written: Written, users: Sequence[int], share: float = ENROL_SHARE
) -> tuple[list[Enrolment], dict[int, Ints]]:
    """Enrol users from their first fragments, without a PIN.

    Return them, and the fragments they are tested on.
    """
    enrolled, rest = [], {}
    for user in users:
        first, rest[user] = first_share(written.of_writer(user), share)
        enrolled.append(written.enrolment(str(user), first))
    return enrolled, rest
