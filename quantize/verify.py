"""A bundle -> the proof of its arithmetic to the last bit, and what int8 and other kernels change."""

import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import numpy as np

from edge.bundle import reader
from edge.bundle.bundle import FLOAT, MODEL, Bundle
from edge.bundle.golden import file_name
from edge.bundle.manifest import PinnedExecutor
from edge.bundle.origin import find_origin
from edge.bundle.run_directory import Run
from edge.bundle.run_files import TEST
from edge.errors import OtherRunError
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.kernel_sets import LITERT_REFERENCE, kernel_set
from quantize.arithmetic.matmul import single_thread
from quantize.arithmetic.reference import Reference
from quantize.interpreter.executors import deployed_here, runnable
from quantize.losses.accuracy import (
    EER_SYMBOLS,
    MAX_EER_SHIFT_POINTS,
    EerReport,
    TrialWords,
    equal_error_rate,
    measure_int8_loss,
)
from quantize.losses.attribution import attribute
from quantize.losses.decisions import list_differences, measure_decision_differences
from quantize.losses.drift import Computed, compute_all, dequantise, measure_drift
from quantize.losses.histograms import measure_histograms
from quantize.losses.material import FLOAT32, NOISE_WORDS, Logits, Measured, describe, pick
from quantize.losses.noise import measure_noise
from quantize.machine import Machine, this_machine, version_of
from quantize.model.float_model import FloatModel
from quantize.model.graph import Graph, load_graph
from quantize.model.invented import invented_writing
from quantize.model.words import Words
from quantize.proof.compare_kernel_sets import compare_golden, compare_kernel_set
from quantize.proof.findings import GoldenReport, KernelSetReport, OutputReport
from quantize.proof.reader import compare_reader_golden, verify_reader
from quantize.proof.samples import draw_samples
from quantize.report.record import Decided, Deployed, Proof, Report

REPORT, PAGE = "verify.json", "report.html"
SEED = 20160629
"""Seed of the drawn words, fixed so that two machines can compare their reports on a bundle."""

ALL, DEFAULT = "all", LITERT_REFERENCE.name
"""ALL: name for every kernel set that runs here. DEFAULT: the one compared besides the deployed, where it runs."""

Progress = Callable[[str, int, int], None]
"""Progress callback: (what is being done, how much is done, of how much)."""


def verify(
    bundle: Bundle,
    *,
    words: int = 200,
    fragments: FragmentSet | None = None,
    reference_model: bytes | None = None,
    kernels: Sequence[str] = (),
    created: str = "",
    progress: Progress = lambda _what, _done, _total: None,
) -> Report:
    """Compare the NumPy reference with the interpreter, kernel set by kernel set, and int8 with float.

    words: how many to draw. kernels: names, or "all"; if empty, the deployed ones and LiteRT's reference kernels. On an
    interpreter that the bundle is not pinned to, what its default runs is deployed.
    fragments: handwriting to use instead of the run's test set. reference_model: another model for the reference alone,
    to see that a difference is found. created: time to write into the report.
    KernelSetError for an unknown name, GraphsDifferError if reference_model has another structure.
    """
    began = time.monotonic()
    deployed = deployed_here(bundle.manifest.executor, bundle.contents[MODEL])
    asked, named = choose_kernels(deployed, kernels), [name for name in kernels if name != ALL]
    with single_thread():
        report = _verify(bundle, deployed, words, fragments, reference_model, asked, progress)
    report.created, report.seconds = created, round(time.monotonic() - began, 1)
    report.failures = _failures(deployed, report, named)
    report.passed = not report.failures
    return report


def choose_kernels(deployed: PinnedExecutor, kernels: Sequence[str]) -> tuple[str, ...]:
    """Return the kernel sets to compare, in the order of the report, each once, with the deployed one.

    KernelSetError for an unknown name.
    """
    there = runnable()
    for name in kernels:
        if name not in (ALL, deployed.kernels):
            kernel_set(name)
    default = [name for name in (DEFAULT,) if name in there]
    asked = {deployed.kernels, *(there if ALL in kernels else kernels or default)}
    return tuple(name for name in dict.fromkeys((*there, deployed.kernels, *kernels)) if name in asked)


def _verify(
    bundle: Bundle,
    pinned: PinnedExecutor,
    words: int,
    fragments: FragmentSet | None,
    reference_model: bytes | None,
    asked: tuple[str, ...],
    progress: Progress,
) -> Report:
    notes: list[str] = []
    model, made_on, machine = bundle.contents[MODEL], bundle.manifest.executor, this_machine()
    if pinned != made_on:
        notes.append(f"thresholds and evidence were made on {made_on.runtime} {made_on.version}, {made_on.kernels}")
        if file_name(pinned.kernels) not in bundle.contents:
            notes.append(f"the bundle has no golden words of {pinned.kernels}: no gate takes it so; --pin adds them")
    run, test = _test_set(bundle, notes)
    handwriting, written = fragments or test, "handwriting"
    if handwriting is None:
        handwriting, written = invented_writing().to_bits(bundle.manifest.pixel_bits), "invented handwriting"
        notes.append("no handwriting of people: all words are invented or artificial; give --fragments FILE.npz")
    samples = draw_samples(words, handwriting, written, np.random.default_rng(SEED))
    kernel_sets = _compare_all(bundle, pinned, asked, samples.words, machine, reference_model, progress)
    measured = Measured(run, test, samples.words, SEED)
    step = _stepper(progress)
    step("how the kernel sets drift apart")
    graph, thresholds = load_graph(model), bundle.manifest.thresholds
    computed, drift = [], []
    if thresholds is None:
        notes.append("no decisions: the network has features only")
    else:
        both = tuple(dict.fromkeys((*asked, made_on.kernels)))
        computed = compute_all(model, both, pinned.kernels, measured.words, machine)
        drift = [measure_drift(computed[0], other, measured.words, thresholds, graph) for other in computed[1:]]
        if measured.trials is None:
            notes.append("no equal error rate: the run's test set with users' and strangers' words is not there")
    golden = [*compare_golden(bundle, machine), *_reader_golden(bundle, machine)]
    compared: list[KernelSetReport | GoldenReport] = [*kernel_sets, *golden]
    proof = Proof(
        tool=f"inkgate {version_of('inkgate')}",
        bundle_sha256=bundle.sha256,
        model_sha256=graph.sha256,
        reference_model_sha256=hashlib.sha256(reference_model or model).hexdigest(),
        users=len(bundle.manifest.users),
        deployed=Deployed(pinned.runtime, pinned.version, pinned.kernels),
        machine=machine,
        words=words,
        fragments=len(samples.words.fragments),
        sources=samples.sources,
        values=sum(part.values for part in compared),
        mismatches=sum(part.mismatches for part in compared),
        max_abs=max(part.max_abs for part in compared),
        outputs=_sum_outputs(compared),
        notes=notes,
        kernel_sets=kernel_sets,
        golden=golden,
        drift=drift,
    )
    step("int8 against float")
    report = measure_losses(proof, bundle, measured, computed, SEED)
    step("done")
    return report


def _compare_all(
    bundle: Bundle,
    deployed: PinnedExecutor,
    asked: tuple[str, ...],
    words: Words,
    machine: Machine,
    reference_model: bytes | None,
    progress: Progress,
) -> list[KernelSetReport]:
    """Compare the network, then the reader if the bundle has one, in each kernel set that was asked for."""
    contents, pinned, reads = bundle.contents, deployed.kernels, bundle.manifest.reader is not None
    done, total = 0, len(words.fragments) * len(asked) * (2 if reads else 1)

    def advance(what: str, fragments: int) -> None:
        nonlocal done
        done += fragments
        progress(f"{what}, tensor by tensor", done, total)

    reports = [
        compare_kernel_set(
            contents[MODEL],
            kernels,
            words,
            machine,
            deployed=kernels == pinned,
            reference_model=reference_model,
            progress=partial(advance, kernels),
        )
        for kernels in asked
    ]
    if not reads:
        return reports
    model, card = contents[reader.MODEL], contents[reader.CARD]
    reading = verify_reader(
        model, card, asked, pinned, words, machine, progress=lambda kernels, n: advance(f"reader, {kernels}", n)
    )
    for report in reading:
        report.model = reader.MODEL
    return [*reports, *reading]


def _reader_golden(bundle: Bundle, machine: Machine) -> list[GoldenReport]:
    """Check the reader's golden vectors; there are none where the bundle has no reader."""
    if bundle.manifest.reader is None:
        return []
    reports = compare_reader_golden(bundle.contents, bundle.manifest.executor, machine)
    for report in reports:
        report.model = reader.MODEL
    return reports


def _sum_outputs(compared: Sequence[KernelSetReport | GoldenReport]) -> dict[str, dict[str, OutputReport]]:
    """Return the sums over all comparisons, by the model's file and the output's name."""
    sums: dict[str, dict[str, OutputReport]] = {}
    for part in compared:
        for output in part.outputs:
            total = sums.setdefault(part.model, {}).setdefault(output.name, OutputReport(output.name, 0, 0))
            total.values += output.values
            total.mismatches += output.mismatches
    return sums


def _stepper(progress: Progress) -> Callable[[str], None]:
    steps = itertools.count()
    return lambda what: progress(what, next(steps), 2)


def _failures(pinned: PinnedExecutor, report: Report, named: Sequence[str]) -> list[str]:
    """Return the reasons why the bundle is not proved, none if it is.

    A kernel set that could not be compared is a reason if it is deployed or was asked for by name, else a note.
    """
    failures = []
    for found in report.kernel_sets:
        if found.error is not None:
            if found.deployed or found.kernels in named:
                failures.append(f"{found.title} could not be compared on this machine: {found.error}")
            else:
                report.notes.append(f"{found.title} was not compared on this machine: {found.error}")
        elif not found.passed:
            failures.append(
                f"{found.title}: {found.mismatches:,} of {found.values:,} values differ, first: {found.first}"
            )
        elif found.deployed and (found.executor, found.version) != (pinned.runtime, pinned.version):
            failures.append(
                f"{found.title}: the bundle is pinned to {pinned.runtime} {pinned.version}, this machine has "
                f"{found.executor} {found.version}: `inkgate quantize` makes a bundle for that"
            )
    failures += [f"{vectors.file}: {vectors.error}" for vectors in report.golden if not vectors.passed]
    shift = report.decisions.eer_shift_points if report.decisions else None
    if shift is not None and shift > MAX_EER_SHIFT_POINTS:
        failures.append(
            f"int8 raises the equal error rate by {shift:.2f} points, at most {MAX_EER_SHIFT_POINTS} is allowed"
        )
    return failures


def _test_set(bundle: Bundle, notes: list[str]) -> tuple[Run | None, FragmentSet | None]:
    """Return the run that the bundle was made from and its test set, if they are there and unchanged.

    Add a note if the run is missing, is another one, or cannot be checked by its hash.
    """
    provenance = bundle.manifest.provenance
    if not provenance.run:
        return None, None
    try:
        origin = find_origin(bundle)
    except OtherRunError as error:
        notes.append(f"the run {provenance.run} is not the one that the bundle was made from: {error}")
        return None, None
    if origin is None:
        notes.append(f"the run {provenance.run} that the bundle names is not there")
        return None, None
    if not origin.proved:
        notes.append(f"the bundle notes no hash of the run {provenance.run}: only the users' names were compared")
    run = Run.open(origin.path)
    return run, run.find_fragments(TEST)


def measure_losses(proof: Proof, bundle: Bundle, measured: Measured, computed: list[Computed], seed: int) -> Report:
    """Return the proof extended by what int8 costs: the deployed kernels' values beside float's.

    computed: the deployed kernels' logits first, then those of other kernel sets; empty if there are no logits.
    """
    floating = FloatModel.load(bundle.contents[FLOAT])
    kernels = proof.deployed.kernels
    reference = Reference.load(bundle.contents[MODEL], kernel_set(kernels, proof.machine.architecture))
    some = pick(measured.words, NOISE_WORDS, seed)
    return Report(
        **msgspec.structs.asdict(proof),
        decisions=_decided(bundle, measured, computed, floating, reference.graph) if computed else None,
        noise_measured_on=describe(some, measured.material.source),
        noise=measure_noise(reference, floating, some),
        attribution=attribute(reference.graph, floating, some),
        histograms=measure_histograms(reference, some),
    )


def _decided(
    bundle: Bundle, measured: Measured, computed: list[Computed], floating: FloatModel, graph: Graph
) -> Decided:
    deployed, words, thresholds = computed[0], measured.words, bundle.thresholds
    exact, int8 = floating.logits(words).astype(np.float64), dequantise(deployed.logits, graph)
    eer = None if measured.trials is None else _error_rates(measured.trials, exact, computed, graph)
    users = bundle.manifest.users
    return Decided(
        measured_on=measured.material,
        int8_against_float=measure_int8_loss(words, exact, int8, thresholds),
        decisions_against_float=measure_decision_differences(words, exact, int8, thresholds),
        differing_words=list_differences(words, exact, int8, thresholds, users, measured.writers),
        eer=eer,
        eer_shift_points=None if eer is None else round(eer.percent[deployed.kernels] - eer.percent[FLOAT32], 6),
    )


def _error_rates(trials: TrialWords, exact: Logits, computed: list[Computed], graph: Graph) -> EerReport:
    percent = {FLOAT32: equal_error_rate(trials, exact)}
    for other in computed:
        name = other.kernels if other.kernels not in percent else f"{other.kernels} on {other.architecture}"
        percent[name] = equal_error_rate(trials, dequantise(other.logits, graph))
    users = int(np.count_nonzero(trials.label >= 0))
    return EerReport(EER_SYMBOLS, users, len(trials.words) - users, percent)
