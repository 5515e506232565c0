"""A bundle -> the proof that its arithmetic is understood to the last bit, and what int8 and other kernels change."""

import platform
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle import FLOAT, MODEL, Bundle
from edge.errors import KernelsRefusedError
from edge.fragments import FragmentSet
from quantize.accuracy import (
    EER_SYMBOLS,
    MAX_EER_SHIFT_POINTS,
    EerReport,
    FloatReport,
    compare_with_float,
    draw_trials,
    equal_error_rate,
)
from quantize.compare import TensorReport, compare, first_mismatch
from quantize.errors import KernelSetError, RunError
from quantize.executors import EngineExecutor, Executor, Tracer
from quantize.floating import FloatModel
from quantize.kernels import kernel_set
from quantize.matmul import single_thread
from quantize.reference import Reference
from quantize.run import CONFIG, TEST, Run
from quantize.samples import draw_samples
from quantize.words import Words

REPORT = "verify.json"
SEED = 20160629
"""Every verification of a bundle uses the same words, so that two machines can compare their reports."""

Int8 = npt.NDArray[np.int8]
Logits = npt.NDArray[np.float64]

Progress = Callable[[str, int, int], None]
"""(what is being done, done, of how many)."""


class ExecutorReport(msgspec.Struct):
    """Who computed: kernels by name, and whose they are."""

    kernels: str
    version: str


class DriftReport(msgspec.Struct):
    """How other kernels differ from the reference in the logits: share of values, and steps of int8 at most."""

    kernels: str
    version: str
    values: int
    differing_share: float
    max_steps: int


class Report(msgspec.Struct):
    """verify.json. values and mismatches are sums over `tensors`; passed is false if `failures` says why."""

    bundle_sha256: str
    model_sha256: str
    reference_model_sha256: str
    words: int
    fragments: int
    sources: dict[str, int]
    reference: ExecutorReport
    executor: ExecutorReport
    machine: str
    values: int
    mismatches: int
    tensors: list[TensorReport]
    drift: list[DriftReport]
    int8_against_float: FloatReport
    eer: EerReport | None
    eer_shift_points: float | None
    passed: bool = True
    failures: list[str] = []
    notes: list[str] = []
    format: str = "inkgate-verify/1"

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def verify(
    bundle: Bundle,
    *,
    words: int = 200,
    fragments: FragmentSet | None = None,
    reference_model: bytes | None = None,
    kernels: str = "litert-reference",
    progress: Progress = lambda _what, _done, _total: None,
) -> Report:
    """Compare the NumPy reference with LiteRT's reference kernels, other kernels and float with both.

    fragments: handwriting to use instead of the run's test set. reference_model: another model for the reference alone,
    to see that a difference is found. GraphsDifferError if that one has another structure.
    """
    with single_thread():
        return _verify(bundle, words, fragments, reference_model, kernels, progress)


def _verify(
    bundle: Bundle,
    words: int,
    fragments: FragmentSet | None,
    reference_model: bytes | None,
    kernels: str,
    progress: Progress,
) -> Report:
    notes: list[str] = []
    model = bundle.contents[MODEL]
    run, test = _test_set(bundle, notes)
    handwriting = fragments or test
    if handwriting is None:
        notes.append("no handwriting: words of scribbles and artificial fragments only; give --fragments FILE.npz")
    samples = draw_samples(words, handwriting, np.random.default_rng(SEED))
    litert, reference = Tracer(model, "litert-reference"), Reference.load(reference_model or model, kernel_set(kernels))
    total = len(samples.words.fragments)
    done = 0

    def advance(fragments: int) -> None:
        nonlocal done
        done += fragments
        progress("tensor by tensor", done, total)

    tensors = compare(litert, reference, samples.words, advance)
    unwatched = EngineExecutor.load(model, litert.name).logits(samples.words)
    tensors.append(_unwatched(unwatched, reference, samples.words))
    progress("other kernels, float", total, total)
    against_float, eer, shift = _against_float(bundle, run, test, samples.words, notes)
    report = Report(
        bundle_sha256=bundle.sha256,
        model_sha256=litert.graph.sha256,
        reference_model_sha256=reference.graph.sha256,
        words=words,
        fragments=total,
        sources=samples.sources,
        reference=ExecutorReport(reference.name, reference.version),
        executor=ExecutorReport(litert.name, litert.version),
        machine=f"{platform.system()} {platform.machine()}",
        values=sum(tensor.values for tensor in tensors),
        mismatches=sum(tensor.mismatches for tensor in tensors),
        tensors=tensors,
        drift=_drift(model, unwatched, samples.words, notes),
        int8_against_float=against_float,
        eer=eer,
        eer_shift_points=shift,
    )
    report.notes = notes
    report.failures = _failures(report)
    report.passed = not report.failures
    return report


def _failures(report: Report) -> list[str]:
    failures = []
    wrong = first_mismatch(report.tensors)
    if wrong is not None:
        failures.append(f"{report.mismatches} of {report.values} values differ, first: {wrong.describe()}")
    shift = report.eer_shift_points
    if shift is not None and shift > MAX_EER_SHIFT_POINTS:
        failures.append(
            f"int8 raises the equal error rate by {shift:.2f} points, at most {MAX_EER_SHIFT_POINTS} is allowed"
        )
    return failures


def _unwatched(logits: Int8, reference: Reference, words: Words) -> TensorReport:
    """The edge's engine, which keeps no tensors, against the reference: keeping them must change nothing."""
    report = TensorReport("all", "logits of the edge's engine, no tensors kept", "activation")
    report.add(logits, reference.logits(words), words.locate)
    return report


def _drift(model: bytes, expected: Int8, words: Words, notes: list[str]) -> list[DriftReport]:
    """Kernels other than the reference's, as the edge's engine runs them."""
    reports = []
    for kernels in ("litert-xnnpack", "litert-optimised"):
        executor = _executor(model, kernels, notes)
        if executor is not None:
            steps = np.abs(executor.logits(words).astype(np.int64) - expected)
            share = float(np.count_nonzero(steps) / steps.size)
            reports.append(DriftReport(executor.name, executor.version, steps.size, share, int(steps.max())))
    return reports


def _executor(model: bytes, kernels: str, notes: list[str]) -> EngineExecutor | None:
    try:
        return EngineExecutor.load(model, kernels)
    except (KernelSetError, KernelsRefusedError) as error:
        notes.append(f"not measured: {error}")
        return None


def _against_float(
    bundle: Bundle, run: Run | None, test: FragmentSet | None, words: Words, notes: list[str]
) -> tuple[FloatReport, EerReport | None, float | None]:
    """Decisions and equal error rates of the deployed kernels, which the manifest names, against the float twin's.

    On the test set's words of 8 symbols if there are any, else decisions alone on the given words.
    """
    manifest, reference = bundle.manifest, Reference.load(bundle.contents[MODEL])
    deployed = _executor(bundle.contents[MODEL], manifest.executor.kernels, notes) or reference
    trials = draw_trials(test, run.config.user_writers, EER_SYMBOLS, SEED) if run and test else None
    measured = words if trials is None else trials.words
    exact = FloatModel.load(bundle.contents[FLOAT]).logits(measured).astype(np.float64)
    logits = {executor.name: real_logits(executor, reference, measured) for executor in (deployed, reference)}
    report = compare_with_float(measured, exact, logits[deployed.name], manifest.thresholds, manifest.users)
    if trials is None:
        notes.append("no equal error rate: the run's test set with users' and strangers' words is not there")
        return report, None, None
    rates = {name: equal_error_rate(trials, values) for name, values in {"float32": exact, **logits}.items()}
    users = int(np.count_nonzero(trials.label >= 0))
    eer = EerReport(EER_SYMBOLS, users, len(trials.words) - users, rates)
    return report, eer, round(rates[deployed.name] - rates["float32"], 6)


def real_logits(executor: Executor, reference: Reference, words: Words) -> Logits:
    """An executor's int8 logits as real numbers, float64 [N, K+1], by the scale of the model's output."""
    q = reference.graph.output.q
    return (executor.logits(words).astype(np.float64) - q.zero_point) * q.scale


def _test_set(bundle: Bundle, notes: list[str]) -> tuple[Run | None, FragmentSet | None]:
    """The run that the bundle was made from and its test set, if they are there and unchanged."""
    provenance = bundle.manifest.provenance
    if not provenance.run:
        return None, None
    try:
        run = Run.open(bundle.path / provenance.run)
    except RunError:
        notes.append(f"the run {provenance.run} that the bundle names is not there")
        return None, None
    hashes = run.hashes()
    if any(hashes.get(name) != provenance.run_sha256.get(name) for name in (CONFIG, TEST)):
        notes.append(f"the run {provenance.run} is not the one that the bundle was made from")
        return None, None
    return run, run.fragments(TEST)
