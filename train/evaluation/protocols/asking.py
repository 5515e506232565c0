"""Users enrolled in memory, and a word -> what the gate's own rule says of it.

There is no second decision rule: every word goes through edge.gate.judging.judge_word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision.enrolment import Enrolment, Material
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import Identities, Opinion, Policy
from edge.decision.rule import Verdict
from edge.gate.judging import Rule, Seen, WhoMayEnter, judge_word
from edge.ink.quality import QualityLimits

Floats = npt.NDArray[np.float64]

REFUSED = -1000.0
"""The ratio of a word that was refused before any evidence was asked for: below that of any honest word."""


class Heard(NamedTuple):
    """What the gate said of one word.

    user: number of the user who was accepted, -1 for nobody. ratios: float64 [K], the calibrated log-likelihood ratio
    of each user, REFUSED where there is none. reason: the decision's.
    """

    user: int
    ratios: Floats
    reason: str


class Gate:
    """A gate with users, whose opinions can be heard besides its decisions."""

    def __init__(
        self, evidence: EvidenceModel, users: Sequence[Enrolment], others: Sequence[Material], policy: Policy
    ) -> None:
        self._identities = _Listening(evidence, users, others, policy)
        self._number = {user.name: k for k, user in enumerate(users)}
        self._rule = Rule(
            None, (), 1, "", may_enter=WhoMayEnter(_HasRead(), lambda: self._identities), limits=QualityLimits()
        )

    def hear(self, word: Sequence[Seen]) -> Heard:
        """Decide on a whole word, at least one fragment."""
        self._identities.said = []
        decision = judge_word(self._rule, self._identities, word, final=True)
        ratios = np.full(len(self._number), REFUSED)
        for opinion in self._identities.said:
            if np.isfinite(opinion.ratio):
                ratios[self._number[opinion.user]] = max(opinion.ratio, REFUSED)
        accepted = decision.user if decision.verdict is Verdict.ACCEPT else None
        return Heard(-1 if accepted is None else self._number[accepted], ratios, decision.reason)

    def thresholds(self, features: npt.NDArray[np.int8], readings: Floats) -> list[float]:
        """Return the ratio that each user who may enter must reach with a word of so many symbols."""
        return [opinion.threshold for opinion in self._identities.opinions(features, readings)]


class _Listening(Identities):
    """Identities that keep what they said last."""

    said: list[Opinion] = []  # noqa: RUF012  replaced, never changed

    def opinions(self, features: npt.NDArray[np.int8], readings: npt.ArrayLike) -> list[Opinion]:
        self.said = super().opinions(features, readings)
        return self.said


class _HasRead:
    """A reader that is never asked: all fragments were read before."""

    def read(self, fragments: npt.NDArray[np.int8]) -> Floats:
        raise NotImplementedError
