"""The same words by several kernel sets -> how much their logits and how many decisions differ."""

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
from quantize.losses.decisions import DecisionDifferences, measure_decision_differences
from quantize.machine import Machine
from quantize.model.graph import Graph
from quantize.model.words import Words

Int8 = npt.NDArray[np.int8]
Logits = npt.NDArray[np.float64]


class DriftReport(msgspec.Struct):
    """The differences between another kernel set and the deployed one, in logits and decisions.

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
    """Logits int8 [N, K+1] of a kernel set, and the interpreter or reference that computed them."""

    kernels: str
    architecture: str
    computed_by: str
    logits: Int8


def compute(model: bytes, kernels: str, words: Words, machine: Machine) -> Computed:
    """Compute logits by the interpreter if it has these kernels here, else by the reference.

    KernelSetError if neither knows them.
    """
    try:
        executor = EngineExecutor.load(model, kernels)
        return Computed(kernels, machine.architecture, executor.version, executor.logits(words))
    except (KernelSetError, EdgeError):
        return compute_by_reference(model, kernels, words, machine.architecture)


def compute_by_reference(model: bytes, kernels: str, words: Words, architecture: str) -> Computed:
    """Compute logits as on a processor of that architecture, which need not be this machine's.

    KernelSetError if the kernels' arithmetic on it is not known.
    """
    reference = Reference.load(model, kernel_set(kernels, architecture))
    return Computed(kernels, architecture, reference.version, reference.logits(words))


def compute_all(model: bytes, asked: tuple[str, ...], deployed: str, words: Words, machine: Machine) -> list[Computed]:
    """Compute logits by the deployed kernels, then by the other kernels that were asked for.

    Kernels of equal arithmetic are run once. If every kernel set was asked for, those that compute otherwise on another
    processor are computed for that processor too.
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
    """Measure how far another kernel set's logits and decisions differ from the deployed one's."""
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
        decisions=measure_decision_differences(
            words, dequantise(deployed.logits, graph), dequantise(other.logits, graph), thresholds
        ),
    )


def dequantise(logits: Int8, graph: Graph) -> Logits:
    """Return int8 logits as real numbers, by the scale and zero point of the graph's logits."""
    q = graph.logits.q
    return (logits.astype(np.float64) - q.zero_point) * q.scale


def _elsewhere(model: bytes, machine: Machine) -> list[tuple[str, str]]:
    """Return (kernel set, architecture) for which a rule of an operation of this model differs from here."""
    found = []
    for kernels in comparable():
        here = _rules(model, kernels, machine.architecture)
        found += [(kernels, there) for there in ARCHITECTURES if here not in (None, _rules(model, kernels, there))]
    return found


def _rules(model: bytes, kernels: str, architecture: str) -> dict[int, str] | None:
    """Return the rules by position of the op, None if the kernels are not known on that processor."""
    try:
        return Reference.load(model, kernel_set(kernels, architecture)).rules
    except KernelSetError:
        return None
