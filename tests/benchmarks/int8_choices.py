"""Trained runs -> a table of what each choice of quantising costs: decisions, scores, error rates.

    python tests/benchmarks/int8_choices.py RUN... [--json]

For every RUN and choice, the int8 model, calibrated as `inkgate quantize` does, and the float network decide the test
set's words of 8 symbols, half by users and half by strangers. Both use the same thresholds, fitted to float's scores on
development strangers. Integers are computed by NumPy with LiteRT's reference rounding.

agreement  share of words decided alike (verdict and user), with an exact 95 % lower bound as if words were independent
score      mean absolute error of the best user's score where float's is between -2 and -0.05, near the thresholds
EER shift  equal error rate of int8 less that of float, in percentage points

"simulated" marks a choice for which TFLite has no kernels: 16-bit sums of the first convolution, the tensor that loses
the most.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt

from edge.bundle.run_directory import Run
from edge.bundle.run_files import CALIBRATION, DEVELOPMENT, MODEL, TEST
from edge.decision.error_rates import upper_bound
from edge.decision.evidence import word_scores
from edge.decision.thresholds import Thresholds, fit_thresholds
from edge.ink.fragment_set import sample_words
from quantize.arithmetic.matmul import single_thread
from quantize.arithmetic.reference import Reference
from quantize.convert import refit
from quantize.convert.convert import convert_to_float, float_weights, quantize_float
from quantize.convert.flatbuffer import edit, with_weights
from quantize.convert.ranges import CONVOLUTION_REACH, TAIL, TANH_REACH, Range, measure_ranges
from quantize.convert.tensorflow import load_keras
from quantize.losses.accuracy import EER_SYMBOLS, TrialWords, draw_trials, equal_error_rate
from quantize.losses.decisions import differ, judge_words
from quantize.make_bundle import calibration_words
from quantize.model.float_model import FloatModel
from quantize.model.graph import load_graph
from quantize.model.words import Words

SEED = 20160629
THRESHOLD_WORDS = 2000

Logits = npt.NDArray[np.float64]
Weights = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Trained:
    """A run's network and calibration words, to be quantised in several ways."""

    floating: bytes
    trained: Weights
    words: Words

    @staticmethod
    def load(run: Run) -> "Trained":
        model, rng = load_keras(run.path / MODEL), np.random.default_rng(run.config.seed)
        calibration = run.fragments(CALIBRATION)
        return Trained(convert_to_float(model), float_weights(model), calibration_words(calibration, rng))

    @cached_property
    def oriented(self) -> Weights:
        return refit.orient(self.trained, load_graph(self.floating), self.words)

    def ranges(self, weights: Weights, reach: float, tail: float, last: float = TANH_REACH) -> dict[int, Range]:
        """Measure ranges with other limits.

        reach, tail: CONVOLUTION_REACH and TAIL of the convolutions. last: TANH_REACH of the fully connected layer.
        """
        with mock.patch.multiple("quantize.convert.ranges", CONVOLUTION_REACH=reach, TAIL=tail, TANH_REACH=last):
            return measure_ranges(with_weights(self.floating, weights), self.words)

    def plain(self, weights: Weights, reach: float, tail: float, last: float = TANH_REACH) -> bytes:
        return quantize_float(with_weights(self.floating, weights), self.ranges(weights, reach, tail, last))

    def shipped_ranges(self, weights: Weights) -> dict[int, Range]:
        return self.ranges(weights, CONVOLUTION_REACH, TAIL)

    def refitted(self, weights: Weights, without: str = "") -> bytes:
        """Return the int8 model with refitted weights, without one part of the refit.

        without: "" for the whole refit; "fit" for the trained weights rounded to nearest, with biases that put the
        means right; "together" for refitted weights rounded to nearest.
        """
        ranges = self.shipped_ranges(weights)

        def quantise(trial: Weights) -> bytes:
            return quantize_float(with_weights(self.floating, trial), ranges)

        with mock.patch.multiple(refit, **_SWITCHED_OFF[without]):
            return quantise(refit.refit(weights, self.words, quantise))


def _to_nearest(wanted: Logits, _moments: Logits) -> Logits:
    return np.round(wanted)


_SWITCHED_OFF = {
    "": {"RIDGES": refit.RIDGES},
    "fit": {"RIDGES": (1e9,), "round_together": _to_nearest},
    "together": {"round_together": _to_nearest},
}


def per_tensor(network: Trained) -> bytes:
    """Return the int8 model that the quantiser makes with one scale for all weights of a layer."""
    import tensorflow
    from tensorflow.lite.python.convert import mlir_quantize

    ranges = network.ranges(network.trained, TANH_REACH, 0.0)
    model = edit(with_weights(network.floating, network.trained), ranges)
    int8 = tensorflow.int8
    return edit(
        bytes(
            mlir_quantize(
                model, disable_per_channel=True, fully_quantize=True, input_data_type=int8, output_data_type=int8
            )
        )
    )


@dataclass(frozen=True)
class Choice:
    name: str
    make: Callable[[Trained], bytes]
    sums16: bool = False


CHOICES = (
    Choice("min-max ranges", lambda n: n.plain(n.trained, 1e9, 0.0, 1e9)),
    Choice("ranges end where a tanh saturates, 3.12", lambda n: n.plain(n.trained, TANH_REACH, 0.0)),
    Choice("  the same, weights per tensor", per_tensor),
    Choice("  the same, 16-bit sums of conv1, simulated", lambda n: n.plain(n.trained, TANH_REACH, 0.0), True),
    Choice("convolutions end at 2.3, 99.9 % of values", lambda n: n.plain(n.trained, 2.3, TAIL)),
    Choice("  and maps oriented", lambda n: n.plain(n.oriented, 2.3, TAIL)),
    Choice("  and biases corrected", lambda n: n.refitted(n.oriented, without="fit")),
    Choice("  and weights refitted, to nearest", lambda n: n.refitted(n.oriented, without="together")),
    Choice("all of it: what ships", lambda n: n.refitted(n.oriented)),
)


def compute(model: bytes, words: Words, sums16: bool) -> Logits:
    """Return the int8 model's logits [N, K+1] as real numbers."""
    reference = Reference.load(model)
    q = reference.graph.logits.q
    if not sums16:
        integers = reference.logits(words)
    else:
        integers = np.concatenate([_with_fine_sums(reference, chunk) for _, chunk in words.chunks(512)])
    return (integers.reshape(len(words.fragments), -1).astype(np.float64) - q.zero_point) * q.scale


def _with_fine_sums(reference: Reference, words: Words) -> npt.NDArray[np.int8]:
    """Return int8 logits of the network in which the first convolution's sums go to tanh unrounded."""
    graph = reference.graph
    values = {graph.input.index: words.fragments.reshape(len(words.fragments), *graph.input.shape[1:])}
    for op, step in reference._steps:
        values[op.outputs[0]] = step(values[op.inputs[0]], words)["output"]
        if op.position == 2:
            values[op.outputs[0]] = _exact_tanh(reference, values[graph.ops[1].inputs[0]])
    return values[graph.logits.index]


def _exact_tanh(reference: Reference, pixels: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    graph = reference.graph
    op = graph.ops[1]
    weights, bias = graph.tensors[op.inputs[1]], graph.tensors[op.inputs[2]]
    real = (pixels.astype(np.float64) + 128) / 255
    windows = np.lib.stride_tricks.sliding_window_view(real[..., 0], (5, 5), axis=(1, 2))[:, ::2, ::2]
    kernel = weights.constant[..., 0] * weights.q.scales[:, None, None]
    sums = np.einsum("nijhw,mhw->nijm", windows, kernel, optimize=True) + bias.constant * bias.q.scales
    return np.clip(np.rint(128 * np.tanh(sums)), -128, 127).astype(np.int8)


def measure(path: Path, choices: tuple[Choice, ...] = CHOICES) -> list[dict[str, float]]:
    """Return one record for each choice, on the run's test set."""
    run = Run.open(path)
    test, development = run.fragments(TEST), run.fragments(DEVELOPMENT)
    trials = draw_trials(test, run.config.user_writers, EER_SYMBOLS, SEED)
    assert trials is not None
    network = Trained.load(run)
    exact = FloatModel(network.trained)
    rng = np.random.default_rng(run.config.seed)
    each = max(1, THRESHOLD_WORDS // len(development.writers))
    index, _ = sample_words(development, development.writers, 20, each, rng)
    strangers = exact.logits(Words.of(list(development.pixels[index]))).astype(np.float64)
    thresholds = fit_thresholds(word_scores(strangers.reshape(*index.shape, -1)).max(axis=-1))
    wanted = exact.logits(trials.words).astype(np.float64)
    found = []
    for choice in choices:
        found.append(_measure(trials, wanted, compute(choice.make(network), trials.words, choice.sums16), thresholds))
        print(f"{path}: {choice.name.strip()}", file=sys.stderr, flush=True)
    return found


def _measure(trials: TrialWords, wanted: Logits, got: Logits, thresholds: Thresholds) -> dict[str, float]:
    (_, ends), (_, other) = (judge_words(trials.words, logits, thresholds) for logits in (wanted, got))
    near = (ends.scores > -2.0) & (ends.scores < -0.05)
    return {
        "words": len(ends.codes),
        "different": int(np.count_nonzero(differ(ends, other))),
        "score": float(np.abs(other.scores - ends.scores)[near].mean()),
        "shift": equal_error_rate(trials, got) - equal_error_rate(trials, wanted),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with single_thread():
        by_run = [measure(path) for path in arguments.runs]
    if arguments.json:
        records = [
            dict(record, run=str(path), choice=choice.name.strip(), simulated=choice.sums16)
            for path, found in zip(arguments.runs, by_run, strict=True)
            for choice, record in zip(CHOICES, found, strict=True)
        ]
        print(json.dumps(records, indent=2))
        return
    print("| choice | agreement % | lowest draw | score | EER shift, mean | largest | smallest |")
    print("|---|---|---|---|---|---|---|")
    for choice, records in zip(CHOICES, zip(*by_run, strict=True), strict=True):
        words, different = (int(sum(record[key] for record in records)) for key in ("words", "different"))
        lowest = min(100 - 100 * record["different"] / record["words"] for record in records)
        shifts = [record["shift"] for record in records]
        score = np.mean([record["score"] for record in records])
        bound = 100 - 100 * upper_bound(different, words)
        print(
            f"| {choice.name.strip() if not choice.name.startswith(' ') else '- ' + choice.name.strip()} "
            f"| {100 - 100 * different / words:.2f} (> {bound:.2f}) | {lowest:.2f} | {score:.3f} "
            f"| {np.mean(shifts):+.3f} | {max(shifts):+.3f} | {min(shifts):+.3f} |"
        )
    print(f"\n{len(by_run)} runs, {words} words of {EER_SYMBOLS} symbols")


if __name__ == "__main__":
    main()
