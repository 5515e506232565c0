"""The same words by several kernel sets -> by how much their logits differ, and how many decisions with them."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle.kernels import comparable, runs_on
from edge.decision.thresholds import Thresholds
from edge.errors import EdgeError
from quantize.arithmetic.kernel_sets import ARCHITECTURES, kernel_set
from quantize.arithmetic.reference import Reference
from quantize.errors import KernelSetError
from quantize.interpreter.executors import EngineExecutor
from quantize.losses.decisions import DecisionDifferences, compare_decisions
from quantize.machine import Machine
from quantize.model.graph import Graph
from quantize.model.words import Words

Int8 = npt.NDArray[np.int8]
Logits = npt.NDArray[np.float64]


class DriftReport(msgspec.Struct):
    """How another kernel set's logits differ from the deployed one's, and what the gate makes of it.

    computed_by: the interpreter that ran it here, or the reference for a processor that is not here.
    """

    kernels: str
    architecture: str
    computed_by: str
    fragments: int
    values: int
    differing: int
    differing_share: float
    max_steps: int
    decisions: DecisionDifferences


@dataclass(frozen=True, eq=False)
class Computed:
    """Logits int8 [N, K+1] of a kernel set, and who computed them."""

    kernels: str
    architecture: str
    computed_by: str
    logits: Int8


def compute(model: bytes, kernels: str, words: Words, machine: Machine) -> Computed:
    """By the interpreter if it has these kernels here, else by the reference. KernelSetError if neither knows them."""
    try:
        executor = EngineExecutor.load(model, kernels)
        return Computed(kernels, machine.architecture, executor.version, executor.logits(words))
    except (KernelSetError, EdgeError):
        return compute_by_reference(model, kernels, words, machine.architecture)


def compute_by_reference(model: bytes, kernels: str, words: Words, architecture: str) -> Computed:
    """As on a processor that need not be here."""
    reference = Reference.load(model, kernel_set(kernels, architecture))
    return Computed(kernels, architecture, reference.version, reference.logits(words))


def compute_all(model: bytes, asked: tuple[str, ...], deployed: str, words: Words, machine: Machine) -> list[Computed]:
    """The deployed kernels first, then the others that were asked for; kernels of equal arithmetic are run once.

    If every kernel set was asked for, also those that do something else on a processor which is not here.
    """
    computed = [compute(model, deployed, words, machine)]
    for kernels in asked:
        oracle = runs_on(kernels)
        known = next((other for other in computed if runs_on(other.kernels) == oracle), None)
        if known is None:
            computed.append(compute(model, kernels, words, machine))
        elif kernels != deployed:
            computed.append(Computed(kernels, known.architecture, known.computed_by, known.logits))
    if set(asked) >= set(comparable()):
        computed += [compute_by_reference(model, kernels, words, on) for kernels, on in _elsewhere(model, machine)]
    return computed


def measure_drift(
    deployed: Computed, other: Computed, words: Words, thresholds: Thresholds, graph: Graph
) -> DriftReport:
    """Another kernel set's logits against the deployed one's, and the decisions made of both."""
    steps = np.abs(other.logits.astype(np.int64) - deployed.logits)
    differing = int(np.count_nonzero(steps))
    return DriftReport(
        kernels=other.kernels,
        architecture=other.architecture,
        computed_by=other.computed_by,
        fragments=len(words.fragments),
        values=steps.size,
        differing=differing,
        differing_share=differing / steps.size,
        max_steps=int(steps.max()),
        decisions=compare_decisions(
            words, dequantise(deployed.logits, graph), dequantise(other.logits, graph), thresholds
        ),
    )


def dequantise(logits: Int8, graph: Graph) -> Logits:
    """int8 logits as real numbers, by the scale of the graph's output."""
    q = graph.output.q
    return (logits.astype(np.float64) - q.zero_point) * q.scale


def _elsewhere(model: bytes, machine: Machine) -> list[tuple[str, str]]:
    """Kernel set and architecture, where a rule for an operation of this model is another there than here."""
    found = []
    for kernels in comparable():
        here = _rules(model, kernels, machine.architecture)
        found += [(kernels, there) for there in ARCHITECTURES if here not in (None, _rules(model, kernels, there))]
    return found


def _rules(model: bytes, kernels: str, architecture: str) -> dict[int, str] | None:
    """By position of the op; None on a processor of which nothing is known."""
    try:
        return Reference.load(model, kernel_set(kernels, architecture)).rules
    except KernelSetError:
        return None
