"""A bundle -> time, error and memory over up to 100,000 fragments, beside published times."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import LOGITS
from edge.bundle.kernels import request_for
from edge.bundle.origin import find_origin
from edge.bundle.places import MANIFEST
from edge.bundle.run_directory import Run
from edge.bundle.run_files import TEST
from edge.cli.bundle_path import BundlePath
from edge.decision.evidence import word_scores
from edge.errors import NotABundleError, RunError
from edge.ink.fragment import SIDE, Pixels, to_int8
from edge.ink.fragment_set import sample_words
from firmware_bridge.cli.options import json_option, plain_console, show_table
from firmware_bridge.errors import ExitCode
from quantize.arithmetic.kernel_sets import kernel_set
from quantize.arithmetic.reference import Reference
from quantize.machine import this_machine
from quantize.model.words import Words

DEMO_BUNDLE = Path("runs/demo/bundle")
SIZES = "1000,10000,25000,50000,100000"
WORD = 8
"""Fragments in a word; the state is cleared after each word."""

SLICE_WORDS = 125
"""Words after which the loops take turns, so that other work of the machine slows all of them alike."""

RATIO_LIMIT, RATIO_FROM = 1.25, 100_000
"""Largest allowed ratio of the engine's time to the bare interpreter's, and the fragments from which it is checked."""

CHECK_LIMIT_MS = 100.0
"""Longest allowed time for the golden words at the start of `inkgate run`."""

PUBLISHED = (
    ("Neurotest 1.2", 10_000, 0.24),
    ("Neurotest 1.2", 100_000, 7.46),
    ("Neurotest 1.1", 100_000, 12.53),
    ("mnist_brain", 100_000, 37.41),
)
"""Published (program, images, seconds), measured on other machines with other networks."""

Logits = npt.NDArray[np.float64]


class Workload(msgspec.Struct, frozen=True):
    """The fragments to run.

    pixels  uint8 [M, 33, 33]
    words   int64 [W, WORD], positions in pixels
    labels  int64 [W], number of the user who wrote each word; None if the pixels are random
    source  what the fragments are, for people
    """

    pixels: Pixels
    words: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64] | None
    source: str


class Row(msgspec.Struct, frozen=True):
    """One row of the table: times in seconds, errors and memory after `fragments` fragments.

    engine_s, bare_s        the edge's engine and the bare interpreter, one fragment at a time
    ratio                   engine_s / bare_s
    batched_s               the NumPy reference of the same kernel set, words side by side
    error, batched_error    share of fragments after which the user with the most evidence so far is not the writer;
                            None if the pixels are random
    peak_mib                the process's largest memory so far
    """

    fragments: int
    engine_s: float
    bare_s: float
    ratio: float
    batched_s: float
    error: float | None
    batched_error: float | None
    peak_mib: float


def _sizes(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    try:
        sizes = sorted({int(part) for part in value.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1:
        raise click.BadParameter("numbers of at least 1, separated by commas")
    return sizes


@click.command()
@click.argument("bundle_path", metavar="[BUNDLE]", required=False, type=BundlePath())
@click.option("--fragments", "sizes", default=SIZES, show_default=True, callback=_sizes, help="How many, by row.")
@json_option
@click.pass_context
def bench(ctx: click.Context, bundle_path: Path | None, sizes: list[int], as_json: bool) -> None:
    """Measure time and error over many fragments: one at a time, and batched over words.

    Without BUNDLE, the demo's bundle is measured. Exit code 1 if the engine takes more than 1.25 times the bare
    interpreter's time over 100,000 fragments, or if the golden words at the start take more than 100 ms.
    """
    bundle = Bundle.open(bundle_path or _demo())
    engine = bundle.engine("default")
    workload = find_workload(bundle, sizes[-1])
    console = plain_console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("fragments", total=sizes[-1])
        rows = measure(bundle, engine, workload, sizes, lambda fragments: progress.advance(task, fragments))
    check_ms = time_check(bundle, engine) if engine.verified else None
    if as_json:
        click.echo(msgspec.json.encode(_report(bundle, engine, workload, rows, check_ms)))
    else:
        _show(console, engine, workload, rows)
        console.print(_say_check(check_ms))
    if check_ms is not None and check_ms > CHECK_LIMIT_MS:
        console.print(f"the check at the start takes more than {CHECK_LIMIT_MS:.0f} ms", style="bold red")
        ctx.exit(ExitCode.NEGATIVE)
    if any(row.ratio > RATIO_LIMIT for row in rows if row.fragments >= RATIO_FROM):
        console.print(f"the engine takes more than {RATIO_LIMIT} times the bare interpreter's time", style="bold red")
        ctx.exit(ExitCode.NEGATIVE)


def find_workload(bundle: Bundle, fragments: int) -> Workload:
    """Draw words of the users' test fragments from the run that made the bundle, or random pixels.

    The pixels are random if the run, its test set or its users' fragments are missing. OtherRunError if another run
    lies in its place.
    """
    count, rng = -(-fragments // WORD), np.random.default_rng(0)
    origin = find_origin(bundle)
    try:
        run = Run.open(origin.path) if origin else None
    except RunError:
        run = None
    test = run.find_fragments(TEST) if run else None
    users = np.intersect1d(test.writers, run.config.user_writers) if run and test else np.empty(0)
    if run is None or test is None or not len(users):
        noise = np.where(rng.random((4096, SIDE, SIDE)) < 0.2, np.uint8(255), np.uint8(0))
        return Workload(noise, rng.integers(0, len(noise), (count, WORD)), None, "random pixels: time only, no error")
    words, writer = sample_words(test, users, WORD, -(-count // len(users)), rng)
    order = rng.permutation(len(words))[:count]
    labels = np.asarray([run.config.user_writers.index(int(w)) for w in writer[order]])
    name = f"{run.config.dataset}, test fragments of {len(users)} users, words of {WORD}, drawn with repetition"
    return Workload(test.to_bits(bundle.manifest.pixel_bits).pixels, words[order], labels, name)


def measure(
    bundle: Bundle,
    engine: Engine,
    workload: Workload,
    sizes: list[int],
    advance: Callable[[int], None] = lambda fragments: None,
) -> list[Row]:
    """Return one row for each size, rounded up to whole words.

    The fragments of the largest size run once; the clocks are read on the way. `advance` gets the fragments that were
    run since its last call.
    """
    bare, reference = _bare(bundle, engine), Reference.load(bundle.contents[MODEL], kernel_set(engine.kernels))
    inputs, ends = to_int8(workload.pixels), sorted({-(-size // WORD) for size in sizes})
    logits, batched = (np.empty((ends[-1], WORD, engine.outputs)) for _ in range(2))
    _engine_loop(engine, inputs, workload.words[:1], logits)  # The first run allocates memory; it is not timed.
    _bare_loop(bare, inputs, workload.words[:1])
    engine_s = bare_s = batched_s = 0.0
    rows: list[Row] = []
    begin = 0
    while begin < ends[-1]:
        end = min(begin + SLICE_WORDS, next(end for end in ends if end > begin))
        words = workload.words[begin:end]
        batched_s += _batched_loop(engine, reference, inputs, words, batched[begin:])
        if begin // SLICE_WORDS % 2:
            bare_s += _bare_loop(bare, inputs, words)
        engine_s += _engine_loop(engine, inputs, words, logits[begin:])
        if not begin // SLICE_WORDS % 2:
            bare_s += _bare_loop(bare, inputs, words)
        advance(words.size)
        begin = end
        if end in ends:
            errors = error_of(logits[:end], workload.labels), error_of(batched[:end], workload.labels)
            times = engine_s, bare_s, engine_s / bare_s, batched_s
            rows.append(Row(end * WORD, *times, *errors, _peak_mib()))
    return rows


def time_check(bundle: Bundle, engine: Engine, repetitions: int = 5) -> float:
    """Return the milliseconds to read the golden vectors and compute their words, in the fastest try."""

    def once() -> float:
        began = time.perf_counter()
        bundle.prove(engine, None)
        return (time.perf_counter() - began) * 1e3

    return min(once() for _ in range(repetitions))


def error_of(logits: Logits, labels: npt.NDArray[np.int64] | None) -> float | None:
    """Return the share of the W T prefixes of words whose best user is not the writer.

    logits: [W, T, K+1]. labels: number of each word's writer; for None, the error is None.
    """
    if labels is None:
        return None
    best = word_scores(logits).argmax(axis=-1)
    return float((best != labels[: len(best), np.newaxis]).mean())


def _engine_loop(engine: Engine, inputs: npt.NDArray[np.int8], words: npt.NDArray[np.int64], logits: Logits) -> float:
    """Run the words as the edge does, store their logits and return the seconds."""
    began = time.perf_counter()
    for w, word in enumerate(words):
        engine.reset()
        for t, fragment in enumerate(word):
            logits[w, t] = engine.step(inputs[fragment]).logits
    return time.perf_counter() - began


def _bare_loop(interpreter: Any, inputs: npt.NDArray[np.int8], words: npt.NDArray[np.int64]) -> float:
    """Run the words on the interpreter alone, store nothing and return the seconds."""
    source = interpreter.get_input_details()[0]["index"]
    sinks = [output["index"] for output in interpreter.get_output_details()]
    began = time.perf_counter()
    for word in words:
        interpreter.reset_all_variables()
        for fragment in word:
            interpreter.set_tensor(source, inputs[fragment][np.newaxis, np.newaxis])
            interpreter.invoke()
            for sink in sinks:
                interpreter.get_tensor(sink)
    return time.perf_counter() - began


def _bare(bundle: Bundle, engine: Engine) -> Any:
    """Return a second interpreter, prepared as the engine's."""
    return Engine.load(bundle.contents[MODEL], request_for(engine.kernels)).interpreter


def _batched_loop(
    engine: Engine, reference: Reference, inputs: npt.NDArray[np.int8], words: npt.NDArray[np.int64], logits: Logits
) -> float:
    """Run the words side by side in the NumPy reference, store any logits and return the seconds."""
    began = time.perf_counter()
    batch = Words(inputs[words.ravel()], np.full(len(words), WORD))
    outputs = reference.outputs(batch)
    if engine.outputs:
        codes = outputs[LOGITS].reshape(len(words), WORD, -1)
        logits[: len(words)] = (codes.astype(np.float64) - engine.output_zero_point) * engine.output_scale
    return time.perf_counter() - began


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB.


def _demo() -> Path:
    if not (DEMO_BUNDLE / MANIFEST).is_file():
        raise NotABundleError(f"{DEMO_BUNDLE}: there is no bundle yet; `make demo` makes one, or name yours")
    return DEMO_BUNDLE


def _machine() -> str:
    """Return the processor's name and the number of cores this process may use, as text."""
    return f"{this_machine().cpu}, {len(os.sched_getaffinity(0))} cores, one thread used"


def _say_check(check_ms: float | None) -> str:
    if check_ms is None:
        return "The golden words were not computed: the bundle was verified on another interpreter or other kernels."
    return f"The golden words at the start: {check_ms:.1f} ms, at most {CHECK_LIMIT_MS:.0f} ms are allowed."


def _report(
    bundle: Bundle, engine: Engine, workload: Workload, rows: list[Row], check_ms: float | None
) -> dict[str, Any]:
    note = "published, other machines, other networks"
    return {
        "bundle": bundle.sha256,
        "machine": _machine(),
        "runtime": engine.runtime,
        "kernels": engine.kernels,
        "material": workload.source,
        "rows": rows,
        "check_ms": check_ms,
        "published": [{"program": p, "images": n, "seconds": s, "note": note} for p, n, s in PUBLISHED],
    }


def _show(console: Console, engine: Engine, workload: Workload, rows: list[Row]) -> None:
    table = Table(
        title=f"inkgate on {_machine()}\n{engine.runtime}, {engine.kernels}; {workload.source}",
        caption="engine, bare loop: one fragment at a time; batched: the NumPy reference, words side by side",
    )
    for heading in ("fragments", "engine", "bare loop", "ratio", "error", "batched", "error", "peak"):
        table.add_column(heading, justify="right")
    for row in rows:
        error, batched = ("-" if e is None else f"{e:.2%}" for e in (row.error, row.batched_error))
        seconds = [f"{s:.2f} s" for s in (row.engine_s, row.bare_s)]
        cells = [f"{row.fragments:,}", *seconds, f"{row.ratio:.2f}", error, f"{row.batched_s:.2f} s", batched]
        table.add_row(*cells, f"{row.peak_mib:.0f} MiB")
    show_table(console, table)
    others = Table(title="published by others: other machines, other networks, so not a comparison of speed")
    for heading in ("program", "images", "time"):
        others.add_column(heading, justify="right")
    for program, images, seconds_ in PUBLISHED:
        others.add_row(program, f"{images:,}", f"{seconds_:.2f} s")
    show_table(console, others)
