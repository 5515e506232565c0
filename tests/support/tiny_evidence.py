"""A small evidence model of invented people, and what they write: no trained network is needed."""

import math
from typing import Any

import numpy as np

from edge.decision.calibration import Calibration
from edge.decision.enrolment import Enrolment, Visitor
from edge.decision.evidence_model import EvidenceModel, Input
from edge.decision.who import WhoModel

ALPHABET = "0123"
FEATURES, SIZE = 6, 4
FARS = (0.1, 0.01)


def who_model(seed: int = 1) -> WhoModel:
    rng = np.random.default_rng(seed)

    def covariance(scale: float) -> np.ndarray:
        a = rng.normal(size=(SIZE, SIZE))
        return scale * (a @ a.T / SIZE + np.eye(SIZE))

    symbols = len(ALPHABET)
    return WhoModel(
        projection=rng.normal(size=(FEATURES, SIZE)) * 4.0,
        means=rng.normal(size=(symbols, SIZE)),
        writer=covariance(0.5),
        symbol=np.stack([covariance(1.5) for _ in range(symbols)]),
        noise=np.stack([covariance(0.3) for _ in range(symbols)]),
    )


def calibration(slope: float = 0.5, rate: float = 1.0, trials: int = 1000) -> Calibration:
    def all_lengths(value: float) -> tuple[float, ...]:
        return (value,) * 20

    return Calibration(
        all_lengths(slope),
        all_lengths(0.0),
        FARS,
        tuple(all_lengths(-math.log(far) / rate) for far in FARS),
        all_lengths(rate),
        tuple(all_lengths(0.05 / far**0.5 / 10) for far in FARS),
        all_lengths(0.2),
        all_lengths(0.1),
        trials=trials,
        writers=40,
    )


def evidence_model(seed: int = 1, reach: float = 1e6) -> EvidenceModel:
    known = Input(calibration(), calibration(), calibration(rate=0.25), reach, ("invented",))
    return EvidenceModel(ALPHABET, {"pen": who_model(seed)}, {"pen": known})


class Hand:
    """Somebody who writes: features int8 [n, F] of symbols [n], near his own mean of each."""

    def __init__(self, seed: int, spread: float = 60.0, noise: float = 4.0) -> None:
        self._rng, self._noise = np.random.default_rng(seed), noise
        self._own = self._rng.normal(0.0, spread, (len(ALPHABET), FEATURES))

    def write(self, symbols: "np.ndarray | list[int]") -> np.ndarray:
        exactly = self._own[np.asarray(symbols)]
        values = exactly + self._rng.normal(0.0, self._noise, exactly.shape)
        return np.clip(np.rint(values), -128, 127).astype(np.int8)


def certain(symbols: "np.ndarray | list[int]") -> np.ndarray:
    """Return readings [n, S] that are nearly sure of the symbols."""
    values = np.full((len(symbols), len(ALPHABET)), -12.0)
    values[np.arange(len(symbols)), np.asarray(symbols)] = -1e-4
    return values


def material(hand: Hand, symbols: "np.ndarray | list[int]", kind: str = "pen") -> dict[str, Any]:
    written = np.asarray(symbols, np.int8)
    return {
        "kind": kind,
        "features": hand.write(written),
        "symbols": written,
        "readings": certain(written).astype(np.float32),
        "writing": np.zeros(len(written), np.int32),
    }


def enrol(name: str, hand: Hand, pin: str | None = None, times: int = 5, kind: str = "pen") -> Enrolment:
    text = pin if pin is not None else ALPHABET
    symbols = [ALPHABET.index(symbol) for symbol in text] * times
    return Enrolment(name=name, pin=pin, **material(hand, symbols, kind))


def visitors(count: int, seed: int = 900) -> list[Visitor]:
    symbols = list(range(len(ALPHABET))) * 5
    hands = [Hand(seed + place) for place in range(count)]
    return [Visitor(number=place + 1, **material(hand, symbols)) for place, hand in enumerate(hands)]
