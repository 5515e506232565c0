"""An int8 reader and samples -> what it takes for what, how sure it should be, and its time."""

from __future__ import annotations

import time

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.bundle.engine import prepare
from edge.bundle.kernels import DEFAULT
from train.reader.samples import Samples

BINS = 15
"""Number of equal ranges of probability by which calibration is measured."""

_TIMED = 1000
_LEAST, _MOST = 0.02, 50.0

Floats = NDArray[np.float64]


class Bin(msgspec.Struct, frozen=True):
    """The readings of a range of probability: number, mean probability, share that is right."""

    fragments: int
    probability: float
    right: float


class Measurement(msgspec.Struct, frozen=True):
    """The readings of one set, in int8.

    by_symbol    symbol -> [right, fragments]
    confusion    [S][S]: row what was written, column what was read
    nll          mean -ln of the probability of what was written
    ece          mean distance of probability and share of right readings, weighted by the readings of each bin
    bins         from 0 to 1, empty ones left out
    """

    set: str
    fragments: int
    right: int
    by_symbol: dict[str, tuple[int, int]]
    confusion: list[list[int]]
    nll: float
    ece: float
    bins: list[Bin]

    @property
    def accuracy(self) -> float:
        """Share of the fragments that are read rightly."""
        return self.right / self.fragments


class Logits(msgspec.Struct, frozen=True):
    """Logits float64 [N, S] of an int8 model, with the kernels that gave them and the time of a fragment."""

    values: Floats
    runtime: str
    kernels: str
    microseconds: float


def compute(model: bytes, samples: Samples, kernels: str = DEFAULT) -> Logits:
    """Return the model's logits of every sample, one at a time as at the edge, on one thread.

    The time is the median of the first _TIMED samples. Errors of `edge.bundle.engine.prepare`.
    """
    ready = prepare(model, kernels, 1, "")
    source, sink = ready.interpreter.get_input_details()[0], ready.interpreter.get_output_details()[0]
    pictures = (samples.pixels ^ np.uint8(0x80)).view(np.int8).reshape(-1, *source["shape"])
    codes, seconds = [], []
    for picture in pictures:
        began = time.perf_counter()
        ready.interpreter.set_tensor(source["index"], picture)
        ready.interpreter.invoke()
        codes.append(ready.interpreter.get_tensor(sink["index"])[0])
        seconds.append(time.perf_counter() - began)
    scale, zero_point = sink["quantization"]
    values = (np.stack(codes).astype(np.float64) - zero_point) * scale
    runtime = f"{ready.runtime.name} {ready.runtime.version}"
    return Logits(values, runtime, ready.kernels, round(float(np.median(seconds[:_TIMED])) * 1e6, 1))


def fit_temperature(logits: Floats, label: NDArray[np.int32]) -> float:
    """Return the temperature at which the labels are most likely, by bisection.

    The mean -ln of the probability is convex in 1 / temperature, so its slope there has one zero.
    """
    low, high = 1.0 / _MOST, 1.0 / _LEAST
    own = logits[np.arange(len(label)), label]
    for _ in range(60):
        middle = (low + high) / 2
        slope = float(((np.exp(log_softmax(logits * middle)) * logits).sum(axis=1) - own).mean())
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


def measure(name: str, logits: Floats, label: NDArray[np.int32], alphabet: str, temperature: float) -> Measurement:
    """Return the measurement of a set from its logits [N, S] and its labels [N]."""
    chances = log_softmax(logits / temperature)
    read = logits.argmax(axis=1)
    confusion = np.zeros((len(alphabet), len(alphabet)), np.int64)
    np.add.at(confusion, (label, read), 1)
    bins = _bins(np.exp(chances.max(axis=1)), read == label)
    return Measurement(
        set=name,
        fragments=len(label),
        right=int((read == label).sum()),
        by_symbol={
            symbol: (int(row[place]), int(row.sum()))
            for place, (symbol, row) in enumerate(zip(alphabet, confusion, strict=True))
        },
        confusion=confusion.tolist(),
        nll=round(float(-chances[np.arange(len(label)), label].mean()), 5),
        ece=round(sum(b.fragments * abs(b.probability - b.right) for b in bins) / len(label), 5),
        bins=bins,
    )


def log_softmax(logits: Floats) -> Floats:
    """Return log-probabilities [N, S] of logits [N, S]."""
    below = logits - logits.max(axis=1, keepdims=True)
    chances: Floats = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return chances


def _bins(probability: Floats, right: NDArray[np.bool_]) -> list[Bin]:
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        Bin(int(own.sum()), round(float(probability[own].mean()), 5), round(float(right[own].mean()), 5))
        for own in (place == number for number in range(BINS))
        if own.any()
    ]
