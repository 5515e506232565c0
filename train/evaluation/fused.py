"""A bundle of trained-in users with evidence -> error rates of each alone, and of both fused.

The same words are judged three ways: by the logits alone, as by a gate without a roster; by the evidence of who wrote,
as if the network had no outputs; and by both, as a gate judges users of a roster who have an output. The users are
enrolled in memory from what the network was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import EVIDENCE, Bundle
from edge.bundle.engine import Engine
from edge.bundle.places import MANIFEST
from edge.bundle.run_directory import Run
from edge.bundle.run_files import ENROL
from edge.decision.enrolment import Enrolment
from edge.decision.error_rates import cllr, cllr_min
from edge.decision.evidence import word_scores
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import NEAR, Policy
from edge.decision.rule import judge
from edge.errors import FragmentSetError
from edge.gate.judging import Seen
from edge.ink.fragment import to_int8
from train.evaluation.evaluate import find_test, open_bundles
from train.evaluation.protocols.asking import REFUSED, Floats, Gate
from train.evaluation.protocols.figures import Answer, Cell, curves, share
from train.evaluation.protocols.words import Heard, Said, counted, independent_trials
from train.evaluation.protocols.written import Ints, Outputs, Written, draw_words, see, words_apart
from train.progress import Progress, silent

LENGTHS = (4, 8, 12)
WAYS = ("logits alone", "who and what alone", "fused")
PER_USER, PER_STRANGER = 40, 10
SEED = 20_261_130


def compare(
    path: Path, fragments: Path | None = None, from_draw: int = 0, rounds: int = 200, progress: Progress = silent
) -> Answer | None:
    """Say what logits, evidence and both together are worth, on the words of a run's test set.

    path: of a bundle, else there is nothing to compare. fragments, from_draw: as of train.evaluation.evaluate.score.
    None unless every draw's bundle has a fusion and its run is there.
    """
    if not (path / MANIFEST).is_file():
        return None
    bundles = open_bundles(path, from_draw)
    draws = [(bundle, origin.path) for bundle, origin in bundles if origin is not None]
    fusions = [_weights(bundle) for bundle, _ in bundles]
    if len(draws) < len(bundles) or not all(fusions):
        return None
    heard: dict[int, list[Mapping[str, Heard]]] = {length: [] for length in LENGTHS}
    for number, (bundle, run) in enumerate(draws):
        subject = _Subject.of(bundle, Run.open(run), fragments)
        for place, length in enumerate(LENGTHS):
            progress("fused", number * len(LENGTHS) + place, len(draws) * len(LENGTHS))
            heard[length].append(subject.hear(length, number))
    progress("fused", 1, 1)
    rows = [_row(length, way, [draw[way] for draw in heard[length]], rounds) for length in LENGTHS for way in WAYS]
    weights = ", ".join(f"{weight:g}" for fusion in fusions for weight in fusion)
    return Answer(
        "fusion",
        "What logits, evidence of who wrote, and both are worth; users enrolled from what trained the network.",
        tuple(rows),
        (
            "EER and FRR at a FAR: a name is claimed, the threshold is chosen afterwards; gate: nobody is named, "
            f"thresholds of the bundle, FAR set to {Policy().far:g}.",
            "C_llr in bits, and the least that any monotone calibration could have; logits alone are no calibrated "
            "ratio.",
            f"The logits are asked where the device is known, from {NEAR + 1} users on.",
            f"Weight of the log-odds beside the evidence, by draw: {weights}; 0 leaves the logits out.",
        ),
    )


def _weights(bundle: Bundle) -> list[float]:
    if EVIDENCE not in bundle.contents:
        return []
    return [found.fusion.weight for found in bundle.evidence().inputs.values() if found.fusion is not None]


@dataclass(frozen=True, eq=False)
class _Subject:
    """One draw: its bundle, the users by its names, and the handwriting that words are drawn from."""

    bundle: Bundle
    engine: Engine
    evidence: EvidenceModel
    users: tuple[Enrolment, ...]
    written: Written
    mine: dict[int, Ints]
    theirs: dict[int, Ints]

    @staticmethod
    def of(bundle: Bundle, run: Run, fragments: Path | None) -> _Subject:
        engine, reader, names = bundle.engine(), bundle.reader(), bundle.manifest.users
        enrolled, test = see(run.fragments(ENROL), engine, reader), find_test(run.path, fragments)
        ids = {test.name_of(int(writer)): int(writer) for writer in test.writers}
        written = see(test, engine, reader)
        mine = {ids[name]: written.of_writer(ids[name]) for name in names if ids.get(name) in written.places}
        if len(mine) < len(names):
            raise FragmentSetError(f"the set has words of {len(mine)} of {len(names)} users: a fusion needs all")
        theirs = {writer: places for writer, places in written.places.items() if writer not in mine}
        users = zip(names, run.config.user_writers, strict=True)
        enrolments = tuple(
            replace(enrolled.enrolment(name, enrolled.of_writer(writer)), output=name) for name, writer in users
        )
        return _Subject(bundle, engine, bundle.evidence(), enrolments, written, mine, theirs)

    def hear(self, length: int, draw: int) -> Mapping[str, Heard]:
        """Judge words of `length` symbols each way."""
        rng = np.random.default_rng([SEED, draw, length])
        sides = [
            self._judged(*draw_words(self.written, of, length, each, rng))
            for of, each in ((self.mine, PER_USER), (self.theirs, PER_STRANGER))
        ]
        label = {user: number for number, user in enumerate(self.mine)}
        labels = np.array([label[int(w)] for w in sides[0][WAYS[0]].writers], np.int64)
        users, apart = tuple(self.mine), words_apart({**self.mine, **self.theirs}, length)
        return {way: Heard(users, sides[0][way], labels, sides[1][way], float("nan"), apart) for way in WAYS}

    def _judged(self, words: Ints, writers: Ints) -> Mapping[str, Said]:
        logits = self.engine.run_words(to_int8(self.written.pixels[words])).logits
        seen = [self._seen(*word) for word in zip(words, logits, strict=True)]
        models = (self.evidence.without_fusion(), self.evidence)
        alone, fused = (_hear(Gate(model, self.users, (), Policy()), seen, writers) for model in models)
        # What is no writing was refused before anything was asked of it: here as at a gate without a roster.
        unasked = (alone.ratios == REFUSED).all(axis=1)
        scores = word_scores(logits)[:, -1]
        judged = judge(scores, words.shape[1], self.bundle.thresholds, final=True)
        by_logits = Said(
            np.where(unasked[:, None], REFUSED, scores), np.where(unasked, -1, judged.users), writers.astype(np.int64)
        )
        return dict(zip(WAYS, (by_logits, alone, fused), strict=True))

    def _seen(self, word: Ints, logits: Floats) -> list[Seen]:
        """Return a word's fragments as a gate has seen them."""
        return [
            fragment._replace(outputs=Outputs(after, fragment.outputs.features))
            for fragment, after in zip(self.written.seen(word), logits, strict=True)
        ]


def _hear(gate: Gate, words: Sequence[list[Seen]], writers: NDArray[np.int64]) -> Said:
    heard = [gate.hear(word) for word in words]
    return Said(np.stack([h.ratios for h in heard]), np.array([h.user for h in heard], np.int64), writers)


def _row(length: int, way: str, draws: Sequence[Heard], rounds: int) -> dict[str, Cell]:
    trials = independent_trials(draws)
    row: dict[str, Cell] = {"symbols": length, "by": way}
    row |= curves([draw.claim_trials for draw in draws], trials, rounds)
    genuine, impostor = (
        np.concatenate([np.ravel(getattr(draw.claim_trials, side)) for draw in draws])
        for side in ("genuine", "impostor")
    )
    asked = genuine[genuine > REFUSED], impostor[impostor > REFUSED]
    row |= {"C_llr": None if way == WAYS[0] else round(cllr(*asked), 4), "least C_llr": round(cllr_min(*asked), 4)}
    strange = [counted(draw.theirs.accepted >= 0, draw.theirs.writers) for draw in draws]
    row["gate FAR"] = share(strange, rounds, trials)
    row["gate FRR"] = share([counted(draw.mine.accepted != draw.labels, draw.mine.writers) for draw in draws], rounds)
    return row | {"independent trials": trials}
