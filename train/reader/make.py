"""An alphabet and a network's name -> a folder with the trained int8 reader, its card and its report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from edge.bundle.reader import CARD, MODEL
from edge.bundle.reader_card import FORMAT, Accuracy, ReaderCard
from edge.ink.fragment import SIDE
from firmware_bridge.files import writing
from train.errors import OverwriteError, UnknownReaderError
from train.progress import Progress, silent
from train.reader.evaluate import Evaluation, ReaderFigures, figures_of
from train.reader.material import ALPHABETS, Material, load_material, load_measured
from train.reader.measure import compute, fit_temperature
from train.reader.page import make_page
from train.reader.samples import Samples, join_samples
from train.reader.settings import SETTINGS, ReaderSettings
from train.reader.structure import STRUCTURES, Structure
from train.tensorflow_loading import load_tensorflow
from train.trained_run import require_writable_run, utc_now, versions

REPORT, PAGE = "evaluation.json", "report.html"
"""The measurements of a reader, in its folder."""

_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class ReaderOrder:
    """An order to make a reader.

    alphabet, network  names, of ALPHABETS and STRUCTURES
    steps, seed        of the training; None: as SETTINGS has them
    command            the command line, for the record
    replace            a finished reader in the folder may be overwritten
    """

    alphabet: str
    network: str
    steps: int | None = None
    seed: int | None = None
    data_dir: Path | None = None
    command: str = ""
    replace: bool = False

    @property
    def settings(self) -> ReaderSettings:
        """Return the settings of the training."""
        given = {name: getattr(self, name) for name in ("steps", "seed") if getattr(self, name) is not None}
        return replace(SETTINGS[self.network], **given)


def make_reader(order: ReaderOrder, out: Path, progress: Progress = silent) -> ReaderFigures:
    """Train, quantise and measure a reader; write MODEL, CARD, REPORT and PAGE into the folder.

    A training that was killed goes on when the same order is given again.
    UnknownReaderError for an alphabet of which the network has no handwriting, OverwriteError if the folder holds a
    finished reader, UnwritableError if it cannot be written, MissingDataError or CorruptDataError for data that is not
    there or damaged.
    """
    require_writable_run(out, "--out")
    if (out / CARD).is_file() and not order.replace:
        raise OverwriteError(f"{out}: holds a reader already; --force overwrites it, another --out keeps both")
    structure = STRUCTURES[order.network]
    if structure.side != SIDE and order.alphabet != "digits":
        raise UnknownReaderError(f"the {structure.name} network reads {structure.side}x{structure.side} digits only")
    progress("reading the handwriting", 0, 1)
    material = load_material(order.alphabet, structure.side, order.data_dir)
    measured = load_measured(order.alphabet, structure.side, order.data_dir)
    progress("reading the handwriting", 1, 1)
    return train_reader(order, structure, material, measured, out, progress)


def train_reader(
    order: ReaderOrder,
    structure: Structure,
    material: Material,
    measured: Mapping[str, Samples],
    out: Path,
    progress: Progress = silent,
) -> ReaderFigures:
    """Make a reader from this material, measure it on these sets and write the folder.

    UnwritableError if that cannot be.
    """
    load_tensorflow()
    from train.reader.convert import convert
    from train.reader.fit import fit_reader

    alphabet = ALPHABETS[order.alphabet]
    _make_folder(out)
    network, _ = fit_reader(
        structure, len(alphabet), material.sources, order.settings, checkpoints=out / _CHECKPOINTS, progress=progress
    )
    progress("quantising and measuring", 0, 1)
    shown = join_samples([source.samples.to_bits(structure.pixel_bits) for source in material.sources])
    model = convert(network, structure, shown, order.settings.seed)
    fitted = compute(model, material.fitted_on)
    card = ReaderCard(
        format=FORMAT,
        alphabet=alphabet,
        temperature=round(fit_temperature(fitted.values, material.fitted_on.label), 4),
        model_sha256=hashlib.sha256(model).hexdigest(),
        network=structure.name,
        trained_on=material.notes,
        accuracy=(),
        command=order.command,
        created=utc_now(),
        versions=versions(),
        notes=_notes(order),
    )
    figures = figures_of(out.name, model, card, measured, network)
    accuracy = tuple(Accuracy(found.set, found.right, found.fragments) for found in figures.sets)
    _write(out, model, msgspec.structs.replace(card, accuracy=accuracy), Evaluation(card.created, [figures]))
    progress("quantising and measuring", 1, 1)
    return figures


def write_evaluation(out: Path, figures: Sequence[ReaderFigures]) -> Path:
    """Write REPORT and PAGE into the folder and return it. UnwritableError if that cannot be."""
    evaluation = Evaluation(utc_now(), list(figures))
    _make_folder(out)
    _write_files(out, {REPORT: evaluation.encode(), PAGE: make_page(evaluation).encode()})
    return out


def _notes(order: ReaderOrder) -> tuple[str, ...]:
    settings = ", ".join(f"{name} {value}" for name, value in asdict(order.settings).items())
    case = ("Letters are read without regard to case.",) if order.alphabet == "letters" else ()
    return (f"Settings of the training: {settings}.", *case)


def _make_folder(out: Path) -> None:
    with writing(out, "choose another --out"):
        out.mkdir(parents=True, exist_ok=True)


def _write(out: Path, model: bytes, card: ReaderCard, evaluation: Evaluation) -> None:
    """Write the files, the card last: a folder that has one is complete."""
    (out / CARD).unlink(missing_ok=True)
    report = {REPORT: evaluation.encode(), PAGE: make_page(evaluation).encode()}
    _write_files(out, {MODEL: model, **report, CARD: card.encode()})


def _write_files(out: Path, contents: Mapping[str, bytes]) -> None:
    with writing(out, "choose another --out"):
        for name, content in contents.items():
            (out / name).write_bytes(content)
