"""A seed -> writers whose features follow the evidence model exactly, as two networks would see their fragments."""

from functools import cache

import numpy as np
from tiny_evidence import calibration

from edge.decision.evidence_model import EvidenceModel, Input
from edge.decision.identify import Policy
from edge.decision.who import WhoModel
from train.evaluation.protocols.task import Common, Task, draw_from
from train.evaluation.protocols.written import Written
from train.synthetic.writers import synthetic_set

DIGITS = "0123456789"
FEATURES, DIMENSIONS = 6, 4
HAND, SYMBOL, NOISE = 0.04, 0.09, 0.01
"""Variances of how a person writes, how he writes a symbol, and of one instance."""


def make_evidence(kind: str = "scan") -> EvidenceModel:
    """Return the model that `make_written` follows, calibrated as if its ratios were true."""
    eye = np.eye(DIMENSIONS)
    many = np.repeat(eye[None], len(DIGITS), 0)
    who = WhoModel(np.eye(FEATURES, DIMENSIONS), np.zeros((10, DIMENSIONS)), HAND * eye, SYMBOL * many, NOISE * many)
    true = calibration(slope=1.0)
    return EvidenceModel(DIGITS, {kind: who}, {kind: Input(true, true, true, 50.0, ("invented",))})


def make_written(writers: int = 16, rounds: int = 10, seed: int = 0, days: int = 1) -> Written:
    """Return 10 x `rounds` fragments by each writer, every round one of each digit; a day is a share of the rounds."""
    rng = np.random.default_rng(seed)
    count = 10 * rounds
    symbols = np.tile(np.concatenate([rng.permutation(10) for _ in range(rounds)]), writers).astype(np.int8)
    writer = np.repeat(np.arange(writers, dtype=np.int32), count)
    order = np.tile(np.arange(count, dtype=np.int32), writers)
    hand = rng.normal(0, HAND**0.5, (writers, FEATURES))
    own = rng.normal(0, SYMBOL**0.5, (writers, 10, FEATURES))
    real = hand[writer] + own[writer, symbols] + rng.normal(0, NOISE**0.5, (len(writer), FEATURES))
    readings = np.full((len(writer), 10), np.log(0.001 / 9))
    readings[np.arange(len(writer)), symbols] = np.log(0.999)
    return Written(
        "scan",
        DIGITS,
        _digits()[symbols],
        np.clip(np.rint(128 * real), -128, 127).astype(np.int8),
        readings,
        symbols,
        writer,
        order,
        (order * days // count).astype(np.int32),
    )


def make_task(written: Written, users: int = 8, draws: int = 1, **given: object) -> Task:
    """Return a task of few words, computed in this process."""
    counts = {writer: len(places) for writer, places in written.places.items()}
    settings = {"lengths": (4, 8), "rounds": 20, "per_user": 6, "per_stranger": 4, "processes": 1, "trials": 20}
    common = Common(written, make_evidence(written.kind), Policy())
    return Task(common, draw_from(counts, users, draws, 1), **{**settings, **given})  # type: ignore[arg-type]


@cache
def _digits() -> np.ndarray:
    """Return one picture of each digit, uint8 [10, 33, 33], as an invented writer writes it."""
    written = synthetic_set(1, 10, seed=3).to_bits(1)
    return written.pixels[np.argsort(written.symbol)]
