"""Users enrolled in memory, and a word -> what the gate's own rule says of it.

There is no second decision rule: every word goes through edge.gate.judging.judge_word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision.enrolment import Enrolment, Material
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import Identities, Opinion, Policy
from edge.decision.rule import Decision, Verdict
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


class Followed(NamedTuple):
    """What the gate said of one word of T symbols while it was written.

    user: number of the user who was accepted, before the end or at it, -1 for nobody. symbols: after how many it was
    decided. ratios: float64 [T, K], as in Heard, after each symbol after which it was judged; elsewhere REFUSED.
    """

    user: int
    symbols: int
    ratios: Floats


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
        decision, ratios = self._judge(word, final=True)
        return Heard(self._accepted(decision), ratios, decision.reason)

    def follow(self, word: Sequence[Seen], looks: Sequence[int]) -> Followed:
        """Decide on a word at each of its looks, and at its end unless it was decided before.

        looks: numbers of symbols, rising.

        The ratios go on after the decision.
        """
        ratios = np.full((len(word), len(self._number)), REFUSED)
        final = None
        for symbols in looks:
            decision, ratios[symbols - 1] = self._judge(word[:symbols], final=False)
            final = decision if final is None and decision.final else final
        at_end, ratios[-1] = self._judge(word, final=True)
        final = at_end if final is None else final
        return Followed(self._accepted(final), final.symbols, ratios)

    def opinions(self, features: npt.NDArray[np.int8], readings: Floats) -> list[Opinion]:
        """Return what the gate makes of a word, with the ratios that each user who may enter must reach."""
        return self._identities.opinions(features, readings)

    def _judge(self, word: Sequence[Seen], *, final: bool) -> tuple[Decision, Floats]:
        """Return the decision, and the users' ratios."""
        self._identities.said = []
        decision = judge_word(self._rule, self._identities, word, final=final)
        ratios = np.full(len(self._number), REFUSED)
        for opinion in self._identities.said:
            if np.isfinite(opinion.ratio):
                ratios[self._number[opinion.user]] = max(opinion.ratio, REFUSED)
        return decision, ratios

    def _accepted(self, decision: Decision) -> int:
        named = decision.user if decision.verdict is Verdict.ACCEPT else None
        return -1 if named is None else self._number[named]


class _Listening(Identities):
    """Identities that keep what they said last."""

    said: list[Opinion] = []  # noqa: RUF012  replaced, never changed

    def opinions(
        self,
        features: npt.NDArray[np.int8],
        readings: npt.ArrayLike,
        logits: npt.ArrayLike = (),
        kinds: Collection[str] | None = None,
    ) -> list[Opinion]:
        self.said = super().opinions(features, readings, logits, kinds)
        return self.said


class _HasRead:
    """A reader that is never asked: all fragments were read before."""

    def read(self, fragments: npt.NDArray[np.int8]) -> Floats:
        raise NotImplementedError
