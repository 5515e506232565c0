"""A bundle's float twin and its int8 model -> what int8 costs: decisions, equal error rates, noise tensor by tensor."""

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle.bundle import FLOAT, MODEL, Bundle
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.kernel_sets import kernel_set
from quantize.arithmetic.reference import Reference
from quantize.losses.accuracy import EER_SYMBOLS, EerReport, Trials, compare_with_float, draw_trials, equal_error_rate
from quantize.losses.attribution import attribute
from quantize.losses.decisions import compare_decisions, list_differences
from quantize.losses.drift import Computed, real
from quantize.losses.histograms import measure_histograms
from quantize.losses.noise import measure_noise
from quantize.model.float_model import FloatModel
from quantize.model.graph import Graph
from quantize.model.words import Words
from quantize.report.record import Material, Proof, Report
from quantize.run_directory import Run

FLOAT32 = "float32"

NOISE_WORDS = 300
"""Noise and histograms are sums over thousands of values a fragment: more words would not change them."""

Logits = npt.NDArray[np.float64]


class Measured:
    """The words on which decisions are measured: users' and strangers' of the test set, or else the given ones.

    writers: who wrote each word, "a stranger" for somebody who is not enrolled; None where that is not known.
    """

    def __init__(self, run: Run | None, test: FragmentSet | None, otherwise: Words, seed: int) -> None:
        self.trials: Trials | None = None
        if run is not None and test is not None:
            self.trials = draw_trials(test, run.config.user_writers, EER_SYMBOLS, seed)
        self.words = otherwise if self.trials is None else self.trials.words
        self.writers = None
        if self.trials is not None and run is not None:
            names = [*run.config.users, "a stranger"]
            self.writers = [names[int(label)] for label in self.trials.label]
        known = "the run's test set, half by users and half by strangers" if self.trials else "the words of the proof"
        self.material = describe(self.words, known)


def describe(words: Words, source: str) -> Material:
    """Words as the report names them."""
    lengths = np.unique(words.lengths)
    return Material(len(words), len(words.fragments), int(lengths[0]) if len(lengths) == 1 else None, source)


def compare_float(proof: Proof, bundle: Bundle, measured: Measured, computed: list[Computed], seed: int) -> Report:
    """The proof, and with it the deployed kernels' logits, first in `computed`, against float's."""
    floating = FloatModel.load(bundle.contents[FLOAT])
    deployed, manifest, words = computed[0], bundle.manifest, measured.words
    reference = Reference.load(bundle.contents[MODEL], kernel_set(deployed.kernels, deployed.architecture))
    graph, thresholds = reference.graph, manifest.thresholds
    exact, int8 = floating.logits(words).astype(np.float64), real(deployed.logits, graph)
    eer = None if measured.trials is None else _error_rates(measured.trials, exact, computed, graph)
    some = pick(words, NOISE_WORDS, seed)
    return Report(
        **msgspec.structs.asdict(proof),
        measured_on=measured.material,
        int8_against_float=compare_with_float(words, exact, int8, thresholds),
        decisions_against_float=compare_decisions(words, exact, int8, thresholds),
        differing_words=list_differences(words, exact, int8, thresholds, manifest.users, measured.writers),
        eer=eer,
        eer_shift_points=None if eer is None else round(eer.percent[deployed.kernels] - eer.percent[FLOAT32], 6),
        noise_measured_on=describe(some, measured.material.source),
        noise=measure_noise(reference, floating, some),
        attribution=attribute(graph, floating, some),
        histograms=measure_histograms(reference, some),
    )


def pick(words: Words, count: int, seed: int) -> Words:
    """At most `count` of the words, drawn without repetition, in their order."""
    if len(words) <= count:
        return words
    which = np.sort(np.random.default_rng(seed).choice(len(words), count, replace=False))
    at = np.concatenate(
        [np.arange(n) + start for start, n in zip(words.starts[which], words.lengths[which], strict=True)]
    )
    return Words(words.fragments[at], words.lengths[which])


def _error_rates(trials: Trials, exact: Logits, computed: list[Computed], graph: Graph) -> EerReport:
    percent = {FLOAT32: equal_error_rate(trials, exact)}
    for other in computed:
        name = other.kernels if other.kernels not in percent else f"{other.kernels} on {other.architecture}"
        percent[name] = equal_error_rate(trials, real(other.logits, graph))
    users = int(np.count_nonzero(trials.label >= 0))
    return EerReport(EER_SYMBOLS, users, len(trials.words) - users, percent)
