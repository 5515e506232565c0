"""Background writers of several sources -> a backbone in a folder (`inkgate pretrain`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.ink.raster import PEN_WIDTH
from train.data import datasets
from train.data.ink import Ink, fragments
from train.errors import BackboneError, OverwriteError
from train.network.backbone import Backbone
from train.network.sources import Source
from train.network.training_settings import PretrainSettings
from train.plan.architecture import ArchitecturePlan, adapt
from train.progress import Progress, silent
from train.tensorflow_loading import load_tensorflow
from train.trained_run import require_writable_run, utc_now, versions

USERS, PIXEL_BITS = 10, 1
"""Task and depth of pixels of the backbone that `inkgate pretrain` makes."""

_QMNIST_SHARE, _UNIPEN_SHARE = 14.0, 3.0
_SCANS = 0.7
_PENS_SPREAD, _PENS_SEED = 0.3, 3


@dataclass(frozen=True)
class PretrainOrder:
    """An order to make a backbone.

    leave_out: names of sources. data_dir: folder of public data. command: the command line, for the record.
    replace: a backbone made otherwise may be overwritten.
    """

    leave_out: tuple[str, ...] = ()
    settings: PretrainSettings = field(default_factory=PretrainSettings)
    data_dir: Path | None = None
    command: str = ""
    replace: bool = False


@dataclass(frozen=True, eq=False)
class Request:
    """All from which a backbone follows; `start` is a backbone to go on from."""

    sources: tuple[Source, ...]
    plan: ArchitecturePlan
    pixel_bits: int
    settings: PretrainSettings
    start: Backbone | None = None

    @property
    def recipe(self) -> dict[str, Any]:
        """What the backbone's description says of how it is made."""
        names = ", ".join(source.name for source in self.sources)
        start = self.start
        return {
            "plan": self.plan.to_dict(),
            "pixel_bits": self.pixel_bits,
            "dataset": names,
            "data_sha256": _joint_hash(self.sources),
            "background_writers": sum(len(source.writers) for source in self.sources),
            "background_fragments": sum(len(source.renderings[0]) for source in self.sources),
            "sources": [_note(source) for source in self.sources],
            **asdict(self.settings),
            "start": f"{start.pixel_bits} bit, {start.about['steps']} steps" if start else "random",
        }

    def done(self, folder: Path) -> Backbone | None:
        """Return the backbone in the folder if it was made by this recipe, else None."""
        try:
            there = Backbone.load(self.pixel_bits, folder)
        except BackboneError:  # there is none, or writing it was interrupted
            return None
        wanted = json.loads(json.dumps(self.recipe))
        return there if all(there.about.get(key) == value for key, value in wanted.items()) else None

    def carry_out(self, folder: Path, command: str, progress: Progress = silent) -> Backbone:
        """Train the backbone and save it in the folder; one that was killed goes on where it was."""
        load_tensorflow()
        from train.network.pretrain import pretrain

        arrays, losses = pretrain(
            self.sources,
            self.plan,
            self.pixel_bits,
            self.settings,
            start=self.start,
            checkpoints=folder / "checkpoints",
            progress=progress,
        )
        about = {
            **self.recipe,
            "final_loss": {stage: round(history[-1][1], 4) for stage, history in losses.items()},
            "command": command,
            "created": utc_now(),
            "versions": versions(),
        }
        backbone = Backbone(arrays, about)
        backbone.save(folder)
        return backbone


def make_shipped_backbone(order: PretrainOrder, out: Path, progress: Progress = silent) -> Backbone:
    """Make the backbone that is shipped, without the sources left out, in a folder; return it.

    A backbone that is there already, made by the same recipe, is returned as it is. Raises UnwritableError when the
    folder cannot be written to, OverwriteError when it holds another backbone and the order does not say `replace`,
    BackboneError when no source is left, MissingDataError or CorruptDataError for data that is not there or damaged.
    """
    require_writable_run(out, "--out")
    progress("reading the handwriting", 0, 1)
    sources = load_sources(order.leave_out, order.data_dir)
    progress("reading the handwriting", 1, 1)
    request = Request(sources, adapt(USERS), PIXEL_BITS, order.settings)
    there = request.done(out)
    if there:
        return there
    if not order.replace and any(out.glob("backbone-*.npz")):
        raise OverwriteError(f"{out}: holds another backbone; choose another --out, or give --force if it may go")
    return request.carry_out(out, order.command, progress)


def load_sources(leave_out: Sequence[str] = (), data_dir: Path | None = None) -> tuple[Source, ...]:
    """Load the background writers of the recipe, without the sources that are left out.

    QMNIST's as scans and, less often, as ink drawn by two pens; UNIPEN's as ink drawn by three pens. Raises
    BackboneError when nothing is left, MissingDataError or CorruptDataError for data that is not there or damaged.
    """
    sources = []
    if "qmnist" not in leave_out:
        sources.append(_qmnist("qmnist-ink" not in leave_out, data_dir))
    if "unipen" not in leave_out:
        ink = datasets.load_strokes("unipen", data_dir)
        own = ink.select(~np.isin(ink.writer, datasets.unipen_development(ink.writer)))
        drawn = tuple(fragments(own, widths).of_kind("pen") for widths in (PEN_WIDTH, _pens(own, 1), _pens(own, 2)))
        sources.append(Source("unipen", drawn, (1 / 3, 1 / 3, 1 / 3), _UNIPEN_SHARE))
    if not sources:
        raise BackboneError("every source is left out: nothing remains to train a backbone on; leave out fewer")
    return tuple(sources)


def _qmnist(with_ink: bool, data_dir: Path | None) -> Source:
    scans = datasets.load("qmnist", pixel_bits=8, data_dir=data_dir)
    background = datasets.split_writers(scans).background
    scans = scans.of_writers(background)
    if not with_ink:
        return Source("qmnist", (scans,), (1.0,), _QMNIST_SHARE)
    ink = datasets.load_strokes("qmnist-ink", data_dir)
    own = ink.select(np.isin(ink.writer, background))
    drawn = tuple(fragments(own, widths).of_kind("pen") for widths in (PEN_WIDTH, _pens(own, 0)))
    other = (1 - _SCANS) / 2
    return Source("qmnist with qmnist-ink", (scans, *drawn), (_SCANS, other, other), _QMNIST_SHARE)


def _pens(ink: Ink, number: int) -> NDArray[np.int64]:
    """Return the width of the pen of each symbol, in 1/100 mm: one pen for each writer."""
    ids, place = np.unique(ink.writer, return_inverse=True)
    drawn = np.random.default_rng([_PENS_SEED, number]).normal(0.0, _PENS_SPREAD, len(ids))
    return np.asarray(np.rint(PEN_WIDTH * np.exp(drawn))[place], np.int64)


def _joint_hash(sources: Sequence[Source]) -> str:
    """Return the hash of a single set, or one over those of all sets and their chances."""
    if len(sources) == 1 and len(sources[0].renderings) == 1:
        return sources[0].renderings[0].sha256
    return hashlib.sha256(json.dumps([source.identity for source in sources]).encode()).hexdigest()


def _note(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "writers": len(source.writers),
        "fragments": len(source.renderings[0]),
        "sha256": [rendering.sha256 for rendering in source.renderings],
        "chances": [round(chance, 4) for chance in source.chances],
        "share": source.share,
        "licence": datasets.LICENCES.get(source.name.split()[0].partition("-")[0], ""),
    }
