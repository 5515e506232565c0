"""A dataset's name and a number of users -> run directories, one for each draw of users: what `inkgate train` does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from edge.fragments import FragmentSet, join
from train import datasets
from train.adapt import ArchitecturePlan, adapt
from train.backbone import Backbone, PretrainSettings, pretrain
from train.errors import TooFewWritersError
from train.fit import EnrolSettings, enrol
from train.loop import Progress, silent
from train.run import (
    CALIBRATION,
    CONFIG,
    DEVELOPMENT,
    ENROL,
    HISTORY,
    TEST,
    Run,
    RunConfig,
    utc_now,
    versions,
    write_json,
    write_run,
)

CALIBRATION_BACKGROUND = 60
"""Background writers whose fragments are kept for calibration, beside the users'."""


@dataclass(frozen=True)
class Order:
    """What to train: `dataset` as `datasets.load` takes it, and how."""

    dataset: str
    users: int
    pixel_bits: int = 1
    seed: int = 1
    enrol: EnrolSettings = field(default_factory=EnrolSettings)
    command: str = ""
    strangers: str | None = None


def load(order: Order) -> tuple[FragmentSet, datasets.WriterSplit]:
    """The dataset at 8 bits a pixel and its split.

    Where the order names a source of strangers, every writer of the dataset may be enrolled, and background,
    development and unseen strangers are writers of that source, with ids that do not clash.
    """
    fragments = datasets.load(order.dataset, pixel_bits=8)
    if order.strangers is None:
        return fragments, datasets.split_writers(fragments)
    others = datasets.load(order.strangers, pixel_bits=8)
    offset = int(fragments.writers.max()) + 1 - int(others.writers.min())
    others = replace(others, writer=others.writer + np.int32(offset), writer_names=())
    split = datasets.split_writers(others)
    own = tuple(int(w) for w in fragments.writers)
    return join([fragments, others]), replace(split, evaluation=(*own, *split.evaluation))


def train_draws(order: Order, backbone: Backbone, out: Path, draws: int, progress: Progress = silent) -> list[Run]:
    """Enrol `draws` draws of users: draw 0 in `out`, draw N in out/draws/N. A draw that is complete is not repeated."""
    fragments, split = load(order)
    runs = []
    for number in range(draws):
        folder = out if number == 0 else out / "draws" / str(number)
        draw = _draw(order, fragments, split, number)
        runs.append(_train_draw(order, backbone, folder, fragments, split, draw, number, progress))
    return runs


def make_backbone(
    order: Order, out: Path, settings: PretrainSettings, progress: Progress = silent
) -> tuple[Backbone, ArchitecturePlan]:
    """Pre-train on the background writers of the dataset and save in out/backbone, going on where a killed run was."""
    fragments, split = load(order)
    background = fragments.of_writers(split.background)
    plan = adapt(order.users)
    arrays, history = pretrain(
        background, plan, order.pixel_bits, settings, checkpoints=out / "backbone" / "checkpoints", progress=progress
    )
    about = {
        "plan": plan.to_dict(),
        "pixel_bits": order.pixel_bits,
        "dataset": order.dataset,
        "data_sha256": fragments.sha256,
        "background_writers": len(background.writers),
        "background_fragments": len(background),
        **asdict(settings),
        "final_loss": round(history[-1][1], 4),
        "command": order.command,
        "created": utc_now(),
        "versions": versions(),
    }
    backbone = Backbone(arrays, about)
    backbone.save(out / "backbone")
    return backbone, plan


def _train_draw(
    order: Order,
    backbone: Backbone,
    folder: Path,
    fragments: FragmentSet,
    split: datasets.WriterSplit,
    draw: datasets.Draw,
    number: int,
    progress: Progress,
) -> Run:
    config = RunConfig(
        users=tuple(fragments.name_of(w) for w in draw.users),
        user_writers=draw.users,
        pixel_bits=order.pixel_bits,
        dataset=order.dataset,
        data_sha256=fragments.sha256,
        seed=order.seed,
        draw=number,
        settings=asdict(order.enrol),
        backbone=dict(backbone.about),
        versions=versions(),
        command=order.command,
        created=utc_now(),
    )
    finished = _finished(folder, config)
    if finished:
        return finished
    plan = adapt(order.users)
    mine, test = datasets.enrolment_split(fragments, draw.users)
    background = fragments.of_writers(split.background)
    model, history = enrol(
        backbone, plan, mine, draw.users, background, order.enrol, checkpoints=folder / "checkpoints", progress=progress
    )
    rng = np.random.default_rng([order.seed, number])
    some = rng.permutation(background.writers)[:CALIBRATION_BACKGROUND]
    sets = {
        ENROL: mine,
        CALIBRATION: join([mine, background.of_writers(some)]),
        DEVELOPMENT: fragments.of_writers(split.development),
        TEST: join([test, fragments.of_writers(draw.strangers)]),
    }
    run = write_run(folder, config, plan, model, {n: s.to_bits(order.pixel_bits) for n, s in sets.items()})
    write_json(folder / HISTORY, history)
    return run


def _draw(order: Order, fragments: FragmentSet, split: datasets.WriterSplit, number: int) -> datasets.Draw:
    """Draw users among the evaluation writers; where strangers come from elsewhere, among the dataset's own only."""
    if order.strangers is None:
        return datasets.draw_users(split, order.users, number)
    own = datasets.load(order.dataset, pixel_bits=8).writers
    if order.users > len(own):
        raise TooFewWritersError(f"{order.dataset} has {len(own)} writers, too few for {order.users} users")
    chosen = np.sort(np.random.default_rng([order.seed, number]).permutation(own)[: order.users])
    strangers = np.setdiff1d(split.evaluation, own)
    return datasets.Draw(tuple(int(w) for w in chosen), tuple(int(w) for w in strangers))


def _finished(folder: Path, config: RunConfig) -> Run | None:
    """The run that is there already, if it was made with the same data, settings and backbone."""
    if not (folder / CONFIG).is_file():
        return None
    run = Run.open(folder)
    changing = ("created", "command", "versions")
    same = all(
        getattr(run.config, name) == getattr(config, name)
        for name in RunConfig.__struct_fields__
        if name not in changing
    )
    return run if same else None
