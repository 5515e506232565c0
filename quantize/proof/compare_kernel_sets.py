"""One kernel set, or one file of golden vectors -> a bit-for-bit comparison with the reference."""

import time
from collections.abc import Callable

import numpy as np

from edge.bundle import golden
from edge.bundle.bundle import Bundle
from edge.bundle.kernels import runs_on
from edge.bundle.manifest import PinnedExecutor
from edge.errors import EdgeError
from quantize.arithmetic.kernel_sets import kernel_set, kernel_set_of_vectors
from quantize.arithmetic.reference import Reference
from quantize.errors import DependencyError, KernelSetError, WordsError
from quantize.interpreter.executors import EngineExecutor, LoadExecutor, Tracer
from quantize.machine import Machine
from quantize.model.trace import output_points, points
from quantize.model.words import Words
from quantize.proof.compare import TensorReport, compare, compare_outputs
from quantize.proof.findings import GoldenReport, KernelSetReport, OpReport, OutputReport

STORED = "stored, read back from the interpreter"


def compare_kernel_set(
    model: bytes,
    kernels: str,
    words: Words,
    machine: Machine,
    *,
    deployed: bool,
    reference_model: bytes | None = None,
    load: LoadExecutor = EngineExecutor.load,
    progress: Callable[[int], None] = lambda _fragments: None,
) -> KernelSetReport:
    """Compare the reference, with these kernels' arithmetic, with the interpreter that runs them.

    The report has an `error` if the kernels do not run here. reference_model: another model for the reference alone;
    GraphsDifferError if it has another structure. load: makes what the edge computes the model with. progress: gets the
    number of fragments computed since its last call.
    """
    report = KernelSetReport(kernels, deployed, machine=machine.describe())
    try:
        reference = Reference.load(reference_model or model, kernel_set(kernels, machine.architecture))
        tracer, engine = Tracer(model, kernels), load(model, kernels)
    except (KernelSetError, EdgeError, DependencyError) as error:
        report.error = str(error)
        progress(len(words.fragments))
        return report
    report.executor, report.version = split_version(tracer.version)
    report.runs_on, report.readable = runs_on(kernels), tracer.readable
    report.ops = _by_op(compare(tracer, reference, words, progress), reference)
    began = time.process_time()
    reference.outputs(words)
    report.reference_fragments_per_s = round(len(words.fragments) / max(time.process_time() - began, 1e-6))
    outputs = compare_outputs(engine, reference, words)
    report.unwatched = list(outputs.values())
    report.outputs = [OutputReport(name, found.values, found.mismatches) for name, found in outputs.items()]
    parts: list[OpReport | TensorReport] = [*report.ops, *report.unwatched]
    report.values, report.mismatches = sum(part.values for part in parts), sum(part.mismatches for part in parts)
    report.max_abs = max(part.max_abs for part in parts)
    report.first = _first(report)
    report.passed = report.mismatches == 0
    return report


def compare_golden(bundle: Bundle, machine: Machine) -> list[GoldenReport]:
    """Check the bundle's files of golden vectors against model, manifest and kernel set's reference."""
    names = sorted(name for name in bundle.contents if name.startswith("golden-"))
    model, pinned = bundle.contents["model.tflite"], bundle.manifest.executor
    return [compare_vectors(name, bundle.contents[name], model, pinned, machine) for name in names]


def compare_vectors(
    name: str, content: bytes, model: bytes, pinned: PinnedExecutor, machine: Machine, prefix: str = "golden-"
) -> GoldenReport:
    """Check one file of golden vectors against its model, the bundle's pin and the reference.

    name: of the file: prefix, kernel set and ".bin".
    """
    report = GoldenReport(name)
    kernels = name.removeprefix(prefix).removesuffix(".bin")
    try:
        vectors = golden.decode(content)
        stamp = vectors.stamp
        report.kernels, report.executor, report.version = stamp.kernels, stamp.runtime, stamp.version
        report.machine, report.tells_apart = stamp.machine, stamp.tells_apart
        runtime = (pinned.runtime, pinned.version) if kernels == pinned.kernels else None
        golden.check(vectors, model, kernels, runtime)
        reference = Reference.load(model, kernel_set_of_vectors(kernels, machine.architecture))
        words = Words(vectors.fragments, vectors.lengths.astype(np.int64))
        trace = reference.trace(words)
    except (EdgeError, KernelSetError, WordsError) as error:
        report.error = str(error)
        return report
    report.words, report.fragments = len(words), len(words.fragments)
    wanted = {point.key: point for point in points(reference.graph)}
    outputs = {name: point.key for name, point in output_points(reference.graph).items()}
    if dict(vectors.outputs) != outputs:
        report.error = f"the golden vectors call {vectors.outputs} outputs, the model's are {outputs}"
        return report
    other = set(wanted) ^ set(vectors.tensors)
    if other:
        report.error = f"not in both the golden vectors and the model: {', '.join(sorted(other))}"
        return report
    first, named = None, {key: name for name, key in outputs.items()}
    for key, point in wanted.items():
        values, tensor = vectors.tensors[key], TensorReport(f"{point.position} {point.op}", point.name, point.kind)
        if values.shape != trace[key].shape:
            report.error = f"{key} has shape {list(values.shape)}, the model's has {list(trace[key].shape)}"
            return report
        tensor.add(values, trace[key], words.locate)
        report.values, report.mismatches = report.values + tensor.values, report.mismatches + tensor.mismatches
        report.max_abs = max(report.max_abs, tensor.max_abs)
        if key in named:
            report.outputs.append(OutputReport(named[key], tensor.values, tensor.mismatches))
        first = first or (tensor.describe() if tensor.mismatches else None)
    report.error = first
    report.passed = first is None
    return report


def split_version(version: str) -> tuple[str, str]:
    """Split "ai-edge-litert 2.3.0" into ("ai-edge-litert", "2.3.0")."""
    name, _, number = version.rpartition(" ")
    return name, number


def _by_op(tensors: list[TensorReport], reference: Reference) -> list[OpReport]:
    """Group tensors by operation, in the order of computation; those of no single operation come last.

    In a group the stored tensors come before the computed ones.
    """
    kinds = {op.position: f"{op.position} {op.kind}" for op in reference.graph.ops}
    ops = [
        OpReport.of(name, reference.rules[position], [tensor for tensor in tensors if tensor.op == name])
        for position, name in kinds.items()
    ]
    return [*ops, OpReport.of("all", STORED, [tensor for tensor in tensors if tensor.op not in kinds.values()])]


def _first(report: KernelSetReport) -> str | None:
    """Return where the difference shows first, None if there is none.

    Computed tensors are searched first, then stored ones, then the engine's outputs.
    """
    tensors = [tensor for op in report.ops for tensor in op.tensors if tensor.mismatches]
    computed = [tensor for tensor in tensors if tensor.kind != "weight"]
    engine = [tensor for tensor in report.unwatched if tensor.mismatches]
    return next((tensor.describe() for tensor in (*computed, *tensors, *engine)), None)
