"""A bundle with evidence, a dataset, names of protocols -> what each protocol found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.reader import Reader
from edge.decision.identify import Policy
from edge.ink.fragment_set import FragmentSet
from train.data import datasets
from train.data.datasets import Draw
from train.errors import TooFewWritersError
from train.evaluation.protocols.early import early
from train.evaluation.protocols.figures import Answer
from train.evaluation.protocols.impostors import impostors
from train.evaluation.protocols.later import SPAN, another_day, later
from train.evaluation.protocols.many import users
from train.evaluation.protocols.naming import by_user, claim, identify
from train.evaluation.protocols.no_writing import not_writing
from train.evaluation.protocols.pins import pin
from train.evaluation.protocols.task import EARLY_LENGTHS, LENGTHS, Common, Task, draw_from
from train.evaluation.protocols.words import Heard, hear_draws
from train.evaluation.protocols.written import Written, see
from train.progress import Progress, silent

PROTOCOLS = (
    "claim",
    "identify",
    "by-user",
    "impostors",
    "early",
    "pin",
    "later",
    "another-day",
    "users",
    "not-writing",
)
"""Names of the protocols, in the order in which they are reported."""

_HEARD: Mapping[str, Callable[[Task, Mapping[int, Sequence[Heard]]], Answer]] = {
    "claim": claim,
    "identify": identify,
    "by-user": by_user,
    "impostors": impostors,
}
_OTHERS: Mapping[str, Callable[[Task], Answer]] = {
    "early": early,
    "pin": pin,
    "later": later,
    "another-day": another_day,
    "users": users,
}


@dataclass(frozen=True)
class Request:
    """What is asked for.

    bundle     folder of a bundle with evidence
    dataset    name of a source, or path of an .npz file
    protocols  names of PROTOCOLS; () stands for all that the dataset allows
    users, draws   users of a draw, and draws
    lengths    symbols of the words; None stands for what each protocol takes by itself
    writings, trials, rounds   as in `Task`
    kind       what an .npz file's fragments come from, where it does not say
    writers    writers to invent for the dataset `synthetic`
    """

    bundle: Path
    dataset: str = "qmnist"
    protocols: tuple[str, ...] = ()
    users: int = 10
    draws: int = 5
    policy: Policy = field(default_factory=Policy)
    lengths: tuple[int, ...] | None = None
    writings: tuple[int, ...] = (5,)
    trials: int = 10_000
    rounds: int = 200
    kind: str | None = None
    writers: int = datasets.SYNTHETIC_WRITERS
    processes: int | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found, and about what: the bundle by its hash, the handwriting, the policy."""

    about: dict[str, Any]
    answers: tuple[Answer, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {**self.about, "protocols": {answer.protocol: answer.to_dict() for answer in self.answers}}


def measure(request: Request, progress: Progress = silent) -> Measured:
    """Ask every protocol.

    NotABundleError if the bundle has no evidence; TooFewWritersError if the dataset does not allow a protocol that was
    asked for by name; errors of the bundle and of the dataset.
    """
    bundle = Bundle.open(request.bundle)
    # Whoever is enrolled in memory has no output, whatever he is called.
    evidence = bundle.evidence().without_fusion()
    engine, reader = bundle.engine(), bundle.reader()
    fragments = _load(request, progress)
    allowed = _allowed(fragments)
    chosen, draws = _people(request, fragments)
    written = see(chosen, engine, reader, progress)
    task = Task(
        Common(written, evidence, request.policy),
        draws,
        lengths=request.lengths or LENGTHS,
        early_lengths=request.lengths or EARLY_LENGTHS,
        rounds=request.rounds,
        writings=request.writings,
        trials=request.trials,
        processes=request.processes,
        progress=progress,
    )
    names = request.protocols or tuple(name for name in PROTOCOLS if allowed[name])
    heard = hear_draws(task, "words") if any(name in _HEARD for name in names) else {}
    answers = tuple(_answer(name, task, heard, engine, reader) for name in names)
    return Measured(_about(request, bundle, engine, chosen, draws, written), answers)


def _answer(name: str, task: Task, heard: Mapping[int, Sequence[Heard]], engine: Engine, reader: Reader) -> Answer:
    if name in _HEARD:
        return _HEARD[name](task, heard)
    return not_writing(task, engine, reader) if name == "not-writing" else _OTHERS[name](task)


def _load(request: Request, progress: Progress) -> FragmentSet:
    fragments = datasets.load(
        request.dataset,
        pixel_bits=1,
        writers=request.writers,
        progress=lambda done, total: progress("inventing writers", done, total),
    )
    if request.kind is not None and not fragments.kind.any():
        fragments = fragments.of_kind(request.kind)
    return fragments


def _people(request: Request, fragments: FragmentSet) -> tuple[FragmentSet, tuple[Draw, ...]]:
    """Return the fragments of those who are evaluated, and the draws of users among them."""
    if request.dataset == "qmnist":
        split = datasets.split_writers(fragments)
        count = min(request.draws, len(split.evaluation) // request.users)
        if count == 0:
            raise TooFewWritersError(f"--users {request.users}: there are {len(split.evaluation)} evaluation writers")
        draws = tuple(datasets.draw_users(split, request.users, draw) for draw in range(count))
        return fragments.of_writers(split.evaluation), draws
    fragments = fragments.of_writers(datasets.reported_writers(request.dataset, fragments))
    counts = dict(zip(*(a.tolist() for a in np.unique(fragments.writer, return_counts=True)), strict=True))
    return fragments, draw_from(counts, request.users, request.draws, datasets.SPLIT_SEED)


def _allowed(fragments: FragmentSet) -> dict[str, bool]:
    """Return which protocols the handwriting allows: days and long sittings are not of every set."""
    counts = np.unique(fragments.writer, return_counts=True)[1]
    pairs = np.unique(np.stack([fragments.writer, fragments.session])[:, fragments.session >= 0], axis=1)
    days = np.unique(pairs[0], return_counts=True)[1] if pairs.size else np.zeros(0)
    return dict.fromkeys(PROTOCOLS, True) | {
        "later": int((counts >= 2 * SPAN).sum()) >= len(counts) / 2,
        "another-day": int((days >= 2).sum()) >= 10,
    }


def _about(
    request: Request, bundle: Bundle, engine: Engine, chosen: FragmentSet, draws: Sequence[Draw], written: Written
) -> dict[str, Any]:
    policy = request.policy
    evidence = bundle.manifest.inputs
    return {
        "bundle": {"path": str(bundle.path), "sha256": bundle.sha256},
        "arithmetic": "int8",
        "runtime": engine.runtime,
        "kernels": engine.kernels,
        "dataset": request.dataset,
        "dataset_sha256": chosen.sha256,
        "familiar": datasets.FAMILIAR.get(request.dataset, ""),
        "kind": written.kind,
        "writers": len(written.places),
        "users": len(draws[0].users),
        "draws": len(draws),
        "policy": {"far": policy.far, "pin_far": policy.pin_far, "min_symbols": policy.min_symbols},
        "evidence_from": {kind: list(found.sources) for kind, found in evidence.items()},
    }
