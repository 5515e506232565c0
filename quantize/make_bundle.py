"""A run, or a backbone alone -> the bundle: model converted, thresholds fitted, everything hashed."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle.bundle import CALIBRATION as CALIBRATION_FILE
from edge.bundle.bundle import EVIDENCE, FLOAT, Bundle, require_writable_bundle, write_bundle
from edge.bundle.bundle import MODEL as MODEL_FILE
from edge.bundle.engine import Engine
from edge.bundle.golden import file_name
from edge.bundle.kernels import reserved
from edge.bundle.manifest import FORMAT, ErrorRates, Manifest, PinnedExecutor, Provenance, ReaderRecord, new_counter
from edge.bundle.reader_card import decode_card
from edge.bundle.run_directory import Run
from edge.bundle.run_files import CALIBRATION, CONFIG, DEVELOPMENT, ENROL, HELD, MODEL, PLAN, TEST
from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import INVENTED, PEN
from edge.decision.rule import FAR_UNKNOWN, judge
from edge.decision.thresholds import Thresholds, fit_thresholds
from edge.errors import RunError
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import KINDS, FragmentSet, join, sample_words
from quantize.convert.backbone import BackboneFile
from quantize.convert.convert import MAX_CLIPPED_SHARE, Conversion, convert
from quantize.convert.tensorflow import load_keras
from quantize.errors import EvidenceFitError
from quantize.evidence.fit import BACKGROUND, fit_evidence
from quantize.evidence.fusion import Parts, fit_fusion
from quantize.machine import version_of
from quantize.model.invented import invented_writing
from quantize.model.words import Words
from quantize.proof.make_golden import draw_words, make_golden
from quantize.proof.reader import reader_files

CALIBRATION_WORDS = 300
THRESHOLD_WORDS = 2000
RATE_WORDS = 1000
VERSIONS = ("tensorflow", "tf_keras", "ai-edge-litert", "numpy")

ReaderFiles = tuple[bytes, bytes]
"""The bytes of a reader's model and of its card, as edge.bundle.reader.find_shipped returns them."""

Scores = npt.NDArray[np.float64]
Say = Callable[[str], None]


def make_bundle(
    run_path: Path,
    out: Path,
    *,
    far_accept: float = 0.01,
    far_reject: float = 0.10,
    max_clipped: float = MAX_CLIPPED_SHARE,
    reader: ReaderFiles | None = None,
    handwriting: Mapping[str, FragmentSet] | None = None,
    command: str = "",
    say: Say = lambda _step: None,
) -> Bundle:
    """Convert the run's model, fit thresholds, verify golden vectors and write the bundle.

    Thresholds are fitted with the edge's own engine, on strangers of the development set. reader: model and card of the
    reader of symbols to put in; None for none. handwriting: sets by name, as `fit_evidence` needs them, to fit the
    evidence of who wrote, and how the users' logits weigh beside it; it needs a reader. say: gets each step's name.
    Before TensorFlow is loaded: NotABundleError if no bundle can be written to `out`, RunError if the run lacks what is
    needed, EvidenceFitError if nothing can be fitted to it. Afterwards: ConversionRefusedError if the model does not
    convert well, VectorsDifferError if the interpreter does not compute what the reference does, EvidenceFitError if
    there is too little handwriting.
    """
    require_writable_bundle(out)
    run = Run.open(run_path)
    rng = np.random.default_rng(run.config.seed)
    calibration, development = run.fragments(CALIBRATION), run.fragments(DEVELOPMENT)
    parts = _fusion_parts(run, handwriting, reader) if handwriting else None
    say("loading the trained model")
    model = load_keras(run.path / MODEL)
    say(f"converting to int8, calibrated on {CALIBRATION_WORDS} whole words")
    conversion = convert(model, calibration_words(calibration, rng), max_clipped)
    engine = Engine.load(conversion.model)
    if engine.outputs != len(run.config.users) + 1:
        raise RunError(f"{run.path}: {engine.outputs} outputs for {len(run.config.users)} users and the stranger")
    say("fitting thresholds on development strangers")
    thresholds = msgspec.structs.replace(
        fit_development(engine, development, far_accept, far_reject, rng), far_known=run.config.far_known
    )
    say("measuring error rates on the test set")
    rates = error_rates(engine, run, thresholds, rng)
    say("verifying golden vectors")
    golden = golden_files(engine, conversion.model, _pixel_bits(run), rng)
    reading, record = _reader_files(reader, _pixel_bits(run), rng), _reader_record(reader)
    evidence = _fit_evidence(engine, handwriting, record, say)
    if evidence and parts and record:
        say("weighing the logits beside the evidence of who wrote")
        evidence = _fuse(engine, evidence, parts, record.alphabet)
    manifest = Manifest(
        format=FORMAT,
        plan=run.plan,
        users=run.config.users,
        pixel_bits=_pixel_bits(run),
        thresholds=thresholds,
        executor=PinnedExecutor(engine.runtime_name, engine.version, engine.kernels),
        error_rates=rates,
        provenance=_provenance(run, out, command),
        reader=record,
        inputs=dict(evidence.inputs) if evidence else {},
        counter=new_counter(),
    )
    fitted = {EVIDENCE: evidence.encode()} if evidence else {}
    return write_bundle(out, manifest, {**_converted_files(conversion), **golden, **reading, **fitted})


def make_ready_bundle(
    backbone_path: Path,
    out: Path,
    *,
    fragments: FragmentSet | None = None,
    seed: int = 1,
    max_clipped: float = MAX_CLIPPED_SHARE,
    reader: ReaderFiles | None = None,
    handwriting: Mapping[str, FragmentSet] | None = None,
    command: str = "",
    say: Say = lambda _step: None,
) -> Bundle:
    """Convert a backbone's features, verify golden vectors and write a bundle without users.

    handwriting: sets by name, as `fit_evidence` needs them, to fit the evidence of who wrote; it needs a reader.
    fragments: handwriting to calibrate on, besides what is invented. seed: of the words that are drawn. The others, and
    errors, are as of `make_bundle`; BackboneFileError for a file that is no backbone.
    """
    require_writable_bundle(out)
    backbone, rng = BackboneFile.read(backbone_path), np.random.default_rng(seed)
    invented = invented_writing().to_bits(backbone.pixel_bits)
    calibration = _beside(invented, fragments.to_bits(backbone.pixel_bits)) if fragments else invented
    say("building the network of the features")
    network = backbone.network()
    say(f"converting to int8, calibrated on {CALIBRATION_WORDS} whole words")
    conversion = convert(network, calibration_words(calibration, rng), max_clipped, recurrent=False)
    engine = Engine.load(conversion.model)
    say("verifying golden vectors")
    golden = golden_files(engine, conversion.model, backbone.pixel_bits, rng)
    reading, record = _reader_files(reader, backbone.pixel_bits, rng), _reader_record(reader)
    evidence = _fit_evidence(engine, handwriting, record, say)
    manifest = Manifest(
        format=FORMAT,
        plan=backbone.plan,
        users=(),
        pixel_bits=backbone.pixel_bits,
        thresholds=None,
        executor=PinnedExecutor(engine.runtime_name, engine.version, engine.kernels),
        error_rates=ErrorRates(),
        provenance=_provenance_of_backbone(backbone, seed, command),
        reader=record,
        inputs=dict(evidence.inputs) if evidence else {},
        counter=new_counter(),
    )
    fitted = {EVIDENCE: evidence.encode()} if evidence else {}
    return write_bundle(out, manifest, {**_converted_files(conversion), **golden, **reading, **fitted})


def calibration_words(fragments: FragmentSet, rng: np.random.Generator) -> Words:
    """Draw CALIBRATION_WORDS words of all lengths 1..20, by all writers of the set in turn."""
    writers = np.resize(rng.permutation(fragments.writers), CALIBRATION_WORDS)
    lengths = np.arange(CALIBRATION_WORDS) % MAX_SYMBOLS + 1
    pairs = zip(writers, rng.permutation(lengths), strict=True)
    indices = [sample_words(fragments, writer, int(length), 1, rng)[0][0] for writer, length in pairs]
    return Words.of([fragments.pixels[index] for index in indices])


def fit_development(
    engine: Engine, fragments: FragmentSet, far_accept: float, far_reject: float, rng: np.random.Generator
) -> Thresholds:
    """Fit thresholds on about THRESHOLD_WORDS words of 20 symbols by strangers.

    Neither training nor tests may contain these writers.
    """
    evidence, _ = _evidence(engine, fragments, fragments.writers, THRESHOLD_WORDS, rng)
    return fit_thresholds(evidence.max(axis=-1), far_accept, far_reject)


def golden_files(engine: Engine, model: bytes, bits: int, rng: np.random.Generator) -> dict[str, bytes]:
    """Make golden vectors of the engine's kernels and of every reserved kernel set, by file name.

    The vectors of a reserved set are computed by its oracle; whatever runs the set later must compute the same.
    The handwriting is invented, because a bundle goes to places where nobody's handwriting must.
    """
    words, tells_apart = draw_words(model, invented_writing(), bits, rng)
    kernels = dict.fromkeys((engine.kernels, *reserved()))
    return {file_name(name): make_golden(model, name, engine, words, tells_apart).encode() for name in kernels}


def error_rates(engine: Engine, run: Run, thresholds: Thresholds, rng: np.random.Generator) -> ErrorRates:
    """Measure FAR on strangers' words and FRR on users' words of the test set, by number of symbols.

    The numbers of symbols start at min_symbols. A user's word counts as falsely rejected if it is not accepted as that
    user. A FAR is never given below three errors in the number of words tried (rule of three, 95 %), but where it is
    unknown: there the gate accepts nobody. A rate is empty if the run has no words for it.
    """
    test = run.find_fragments(TEST)
    if test is None:
        return ErrorRates()
    lengths = range(thresholds.min_symbols, MAX_SYMBOLS + 1)
    symbols = np.arange(1, MAX_SYMBOLS + 1)
    far: dict[int, float] = {}
    frr: dict[int, float] = {}
    strangers = np.setdiff1d(test.writers, run.config.user_writers)
    if len(strangers):
        evidence, _ = _evidence(engine, test, strangers, RATE_WORDS, rng)
        accepted = (judge(evidence, symbols, thresholds, final=True).users >= 0).mean(axis=0)
        floor = 3.0 / len(evidence) if thresholds.far_known else 0.0
        far = {t: float(max(accepted[t - 1], floor)) for t in lengths}
    users = np.intersect1d(test.writers, run.config.user_writers)
    if len(users):
        evidence, writer = _evidence(engine, test, users, RATE_WORDS, rng)
        label = np.asarray([run.config.user_writers.index(int(w)) for w in writer])
        refused = (judge(evidence, symbols, thresholds, final=True).users != label[:, np.newaxis]).mean(axis=0)
        frr = {t: float(refused[t - 1]) for t in lengths}
    return ErrorRates(far=far, frr=frr)


def _evidence(
    engine: Engine, fragments: FragmentSet, writers: npt.NDArray[np.int32], words: int, rng: np.random.Generator
) -> tuple[Scores, npt.NDArray[np.int32]]:
    """Return evidence [W, 20, K] and writer [W] of about `words` words, equally many by every writer."""
    index, writer = sample_words(fragments, writers, MAX_SYMBOLS, max(1, -(-words // len(writers))), rng)
    return word_scores(engine.run_words(to_int8(fragments.pixels[index])).logits), writer


def _fit_evidence(
    engine: Engine, handwriting: Mapping[str, FragmentSet] | None, record: ReaderRecord | None, say: Say
) -> EvidenceModel | None:
    """Fit the evidence of who wrote; None without handwriting or a reader."""
    if not handwriting or record is None:
        return None
    return fit_evidence(engine, handwriting, record.alphabet, lambda what, done, of: say(f"{what}: {done} of {of}"))


def _fusion_parts(run: Run, handwriting: Mapping[str, FragmentSet], reader: ReaderFiles | None) -> Parts:
    """Return the run's writing that a fusion is fitted to.

    EvidenceFitError if none can be: without a reader, at 8 bits a pixel, where the FAR is unknown, of a kind of input
    without evidence, or if the run held nothing back.
    """
    if reader is None:
        raise EvidenceFitError("evidence of who wrote needs a reader of symbols: leave --reader none away")
    if run.config.pixel_bits != 1:
        raise EvidenceFitError(f"{run.path}: {run.config.pixel_bits} bits a pixel; evidence is of 1: leave it away")
    if not run.config.far_known:
        raise EvidenceFitError(f"{run.path}: {FAR_UNKNOWN}; the logits have no weight there: leave --evidence away")
    if not (run.path / HELD).is_file():
        raise EvidenceFitError(
            f"{run.path}: has no {HELD}, writing of its users that trained nothing; `inkgate train` with another --out "
            "makes a run that has"
        )
    sets = [run.fragments(name) for name in (ENROL, HELD, DEVELOPMENT)]
    kinds = sorted({PEN if KINDS[code] == INVENTED else KINDS[code] for part in sets for code in np.unique(part.kind)})
    if len(kinds) != 1 or f"{kinds[0]}-{BACKGROUND}" not in handwriting:
        raise EvidenceFitError(
            f"{run.path}: its writing comes from {' and '.join(kinds)}, of which there is no handwriting to fit "
            "evidence to; leave --evidence away"
        )
    return Parts(kinds[0], run.config.users, run.config.user_writers, *sets)


def _fuse(engine: Engine, evidence: EvidenceModel, parts: Parts, alphabet: str) -> EvidenceModel:
    """Return the evidence with the fusion of the run's users, who write on its kind of input."""
    fusion = fit_fusion(engine, evidence.who[parts.kind], parts, alphabet)
    known = msgspec.structs.replace(evidence.inputs[parts.kind], fusion=fusion)
    return replace(evidence, inputs={**evidence.inputs, parts.kind: known})


def _beside(one: FragmentSet, other: FragmentSet) -> FragmentSet:
    """Return both sets together, their writers kept apart."""
    offset = np.int32(int(one.writers.max()) + 1 - int(other.writers.min()))
    return join([one, replace(other, writer=other.writer + offset, writer_names=())])


def _reader_files(reader: ReaderFiles | None, bits: int, rng: np.random.Generator) -> dict[str, bytes]:
    return {} if reader is None else reader_files(*reader, invented_writing(), bits, rng)


def _reader_record(reader: ReaderFiles | None) -> ReaderRecord | None:
    if reader is None:
        return None
    card = decode_card(reader[1])
    return ReaderRecord(card.alphabet, card.temperature)


def _converted_files(conversion: Conversion) -> dict[str, bytes]:
    weights: dict[str, Any] = conversion.weights
    stored = io.BytesIO()
    np.savez_compressed(stored, **weights)
    calibration = json.dumps(conversion.calibration, indent=2).encode() + b"\n"
    return {MODEL_FILE: conversion.model, CALIBRATION_FILE: calibration, FLOAT: stored.getvalue()}


def _pixel_bits(run: Run) -> Literal[1, 8]:
    bits = run.config.pixel_bits
    if bits == 1:
        return 1
    if bits == 8:
        return 8
    raise RunError(f"{run.path}: pixel_bits is {bits}, not 1 or 8")


def _provenance(run: Run, out: Path, command: str) -> Provenance:
    return Provenance(
        run=_relative(run.path, out),
        run_sha256=_hashes(run),
        data_sha256=run.config.data_sha256,
        dataset=run.config.dataset,
        seed=run.config.seed,
        draw=run.config.draw,
        versions=_versions(),
        created=_now(),
        command=command,
    )


def _provenance_of_backbone(backbone: BackboneFile, seed: int, command: str) -> Provenance:
    return Provenance(
        run="",
        run_sha256=dict(backbone.sha256),
        data_sha256=backbone.about.get("data_sha256", ""),
        dataset=backbone.about.get("dataset", "unknown"),
        seed=seed,
        draw=0,
        versions=_versions(),
        created=_now(),
        command=command,
    )


def _versions() -> dict[str, str]:
    return {name: version_of(name) for name in VERSIONS}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _hashes(run: Run) -> dict[str, str]:
    """Return the SHA-256 of each file, by its name, from which a bundle is made."""
    names = (CONFIG, PLAN, MODEL, CALIBRATION, DEVELOPMENT, HELD, TEST)
    present = [name for name in names if (run.path / name).is_file()]
    return {name: hashlib.sha256((run.path / name).read_bytes()).hexdigest() for name in present}


def _relative(target: Path, start: Path) -> str:
    """Return the relative path from `start` to `target`: it stays valid if both are moved together."""
    return Path(os.path.relpath(target.resolve(), start.resolve())).as_posix()
