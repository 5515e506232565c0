"""A dataset's name and a number of users -> a run directory for each draw of users (`inkgate train`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np

from edge.bundle.places import MANIFEST
from edge.bundle.run_directory import Run, RunConfig
from edge.bundle.run_files import CALIBRATION, CONFIG, DEVELOPMENT, DRAWS, ENROL, HELD, MODEL, TEST
from edge.errors import NamesError, RunError
from edge.ink.fragment_set import FragmentSet, join
from firmware_bridge.files import writing
from train.data import datasets
from train.errors import FarUnknownError, OverwriteError, TooFewWritersError
from train.network.backbone import Backbone
from train.network.sources import Source
from train.network.training_settings import EnrolSettings, PretrainSettings
from train.plan.architecture import ArchitecturePlan, adapt
from train.pretraining import Request
from train.progress import Progress, silent
from train.tensorflow_loading import load_tensorflow
from train.trained_run import plan_of, utc_now, versions, write_run

CALIBRATION_BACKGROUND = 60
"""Number of background writers whose fragments serve for calibration, in addition to the users' own."""


@dataclass(frozen=True)
class Order:
    """An order to train: the source of the handwriting, the number of users, and the settings.

    dataset, strangers: names as `datasets.load` takes them; strangers is None when they come from the dataset too.
    command: the command line, for the record. replace: a run made otherwise may be overwritten. far_unknown: strangers
    may come from another kind of input than the users, and the gate then stays shut.
    """

    dataset: str
    users: int
    pixel_bits: int = 1
    seed: int = 1
    enrol: EnrolSettings = field(default_factory=EnrolSettings)
    command: str = ""
    strangers: str | None = None
    replace: bool = False
    far_unknown: bool = False


@dataclass(frozen=True, eq=False)
class Handwriting:
    """All fragments that an order trains on, at 8 bits a pixel, and the split of their writers.

    own: the writers who may be enrolled when strangers come from another source; empty when they do not. far_known:
    whether strangers come from the users' kind of input.
    """

    fragments: FragmentSet
    split: datasets.WriterSplit
    own: tuple[int, ...] = ()
    far_known: bool = True


def load(order: Order) -> Handwriting:
    """Load the handwriting that an order trains on.

    If the order names a source of strangers, every writer of the dataset may be enrolled, and background, development
    and unseen strangers are writers of that source, with ids that do not clash.

    Raises TooFewWritersError when that source is the dataset itself, whose users would be strangers to themselves, or
    when there are fewer writers with enough fragments than users wanted. Raises FarUnknownError when that source is of
    another kind of input and the order does not say `far_unknown`, and NamesError when a stranger has the number that
    is the name of a user.
    """
    writing = _read(order)
    _draw(order, writing, 0)
    return writing


def train_draws(order: Order, backbone: Backbone, out: Path, draws: int, progress: Progress = silent) -> list[Run]:
    """Enrol `draws` draws of users: draw 0 in `out`, draw N in out/draws/N; return their runs.

    A draw that is complete is not repeated. A further draw that an earlier order left in `out` loses its config.json if
    this order would make it otherwise: nobody must take it for a draw of this order.

    Raises UnwritableError when nothing can be written to `out`, and OverwriteError when it holds a run that this order
    would make otherwise and the order does not say `replace`.
    """
    _make_folder(out)
    writing = load(order)
    if not order.replace:
        _require_same(out, lambda number: _config(order, backbone, writing, number))
    runs = [_train_draw(order, backbone, out, writing, number, progress) for number in range(draws)]
    for other in (out / DRAWS).glob(f"[1-9]*/{CONFIG}"):
        number = int(other.parent.name) if other.parent.name.isdecimal() else 0
        if number >= draws and not _finished(other.parent, _config(order, backbone, writing, number)):
            other.unlink()
    return runs


def make_backbone(
    order: Order,
    out: Path,
    settings: PretrainSettings,
    start: Backbone | None = None,
    progress: Progress = silent,
) -> tuple[Backbone, ArchitecturePlan]:
    """Pre-train on the dataset's own background writers; return the backbone and its plan.

    It is saved in out/backbone. `start` is a backbone to go on from. A pre-training that was killed goes on where it
    was; a backbone that is there already, made from the same data with the same settings, is returned as it is.

    Raises UnwritableError when nothing can be written to `out`, and OverwriteError when it holds a run of another
    backbone and the order does not say `replace`.
    """
    _make_folder(out)
    writing = load(order)
    background = writing.fragments.of_writers(writing.split.background)
    plan = adapt(order.users)
    request = Request((Source(order.dataset, (background,)),), plan, order.pixel_bits, settings, start)
    there = request.done(out / "backbone")
    if there:
        return there, plan
    if not order.replace and _whole(out) is not None:
        raise OverwriteError(_overwrites(out, "a run of another backbone"))
    return request.carry_out(out / "backbone", order.command, progress), plan


def _read(order: Order) -> Handwriting:
    fragments = datasets.load(order.dataset, pixel_bits=8)
    if order.strangers is None:
        return Handwriting(fragments, datasets.split_writers(fragments))
    own = datasets.require_able(order.dataset, fragments, order.users)
    if order.strangers in datasets.KIND_OF_SOURCE:  # to invent strangers takes long
        _check_far(order, fragments, datasets.KIND_OF_SOURCE[order.strangers])
    others = datasets.load_strangers(order.strangers)
    if others.sha256 == fragments.sha256:
        raise TooFewWritersError(
            f"--strangers {order.strangers} is the dataset itself: users would be strangers too; "
            "name another source or leave --strangers out"
        )
    far_known = _check_far(order, fragments, datasets.kinds_of(others))
    offset = int(fragments.writers.max()) + 1 - int(others.writers.min())
    others = replace(others, writer=others.writer + np.int32(offset), writer_names=())
    try:
        both = join([fragments, others])
    except NamesError as error:  # a stranger is called by its id, which may be a user's name
        raise NamesError(f"{order.dataset}: {error}") from error
    return Handwriting(both, datasets.split_writers(others), own, far_known)


def _check_far(order: Order, users: FragmentSet, strangers: str) -> bool:
    """Return whether strangers of this kind of input are of the users'.

    Raises FarUnknownError, with what would happen, if they are not and the order does not say `far_unknown`.
    """
    kinds = datasets.kinds_of(users)
    if datasets.same_kind(kinds, strangers):
        return True
    if order.far_unknown:
        return False
    raise FarUnknownError(
        f"kind of input of {order.dataset}: {kinds}; of the strangers, {order.strangers}: "
        f"{strangers}. Such a network tells devices apart, not people: a gate set to a FAR of 1 % "
        "let in 97 % of real strangers with the users' own pen. Record other people with the same device (`inkgate "
        "capture`) and give their file to --strangers, or enrol without training: `inkgate users add NAME --bundle "
        "ready`. With --far-unknown it is trained all the same, and the gate stays shut"
    )


def _train_draw(
    order: Order, backbone: Backbone, out: Path, writing: Handwriting, number: int, progress: Progress
) -> Run:
    folder = _folder(out, number)
    config = _config(order, backbone, writing, number)
    finished = _finished(folder, config)
    if finished:
        return finished
    plan, fragments = adapt(order.users), writing.fragments
    draw = _draw(order, writing, number)
    mine, held, test = datasets.enrolment_split(fragments, draw.users)
    background = fragments.of_writers(writing.split.background)
    load_tensorflow()
    from train.network.fit_users import enrol

    model, history = enrol(
        backbone, plan, mine, draw.users, background, order.enrol, checkpoints=folder / "checkpoints", progress=progress
    )
    rng = np.random.default_rng([order.seed, number])
    some = rng.permutation(background.writers)[:CALIBRATION_BACKGROUND]
    sets = {
        ENROL: mine,
        CALIBRATION: join([mine, background.of_writers(some)]),
        DEVELOPMENT: fragments.of_writers(writing.split.development),
        HELD: held,
        TEST: join([test, fragments.of_writers(draw.strangers)]),
    }
    return write_run(folder, config, plan, model, {n: s.to_bits(order.pixel_bits) for n, s in sets.items()}, history)


def _folder(out: Path, number: int) -> Path:
    """Return the folder of draw `number`."""
    return out if number == 0 else out / DRAWS / str(number)


def _config(order: Order, backbone: Backbone, writing: Handwriting, number: int) -> RunConfig:
    draw = _draw(order, writing, number)
    return RunConfig(
        users=tuple(writing.fragments.name_of(w) for w in draw.users),
        user_writers=draw.users,
        pixel_bits=order.pixel_bits,
        dataset=order.dataset,
        data_sha256=writing.fragments.sha256,
        seed=order.seed,
        draw=number,
        settings=asdict(order.enrol),
        backbone=dict(backbone.about),
        versions=versions(),
        command=order.command,
        created=utc_now(),
        strangers=order.strangers,
        far_known=writing.far_known,
    )


def _draw(order: Order, writing: Handwriting, number: int) -> datasets.Draw:
    """Draw users among the evaluation writers.

    If strangers come from another source, users are drawn among the dataset's own writers. Raises TooFewWritersError
    when there are too few.
    """
    if order.strangers is None:
        return datasets.draw_users(writing.split, order.users, number)
    chosen = np.sort(np.random.default_rng([order.seed, number]).permutation(writing.own)[: order.users])
    return datasets.Draw(tuple(int(w) for w in chosen), writing.split.evaluation)


def _require_same(out: Path, config_of: Callable[[int], RunConfig]) -> None:
    """Raise OverwriteError if `out` or a draw in it is a complete run that `config_of` contradicts."""
    numbers = (int(entry.name) for entry in (out / DRAWS).glob("[1-9]*") if entry.name.isdecimal())
    for number in (0, *sorted(numbers)):
        folder = _folder(out, number)
        there = _whole(folder)
        if there is None:
            continue
        wanted = config_of(number)
        if there.config.users != wanted.users:
            raise OverwriteError(_overwrites(folder, f"a run of other users ({', '.join(there.config.users)})"))
        if changed := _differences(there, wanted):
            raise OverwriteError(_overwrites(folder, f"a run that was made otherwise ({', '.join(changed)})"))


def _overwrites(folder: Path, what: str) -> str:
    return f"{folder}: holds {what}; choose another --out, or give --force if that run may go"


def _finished(folder: Path, config: RunConfig) -> Run | None:
    """Return the run in the folder if it is complete and made with this data, settings and backbone."""
    there = _whole(folder)
    return there if there is not None and not _differences(there, config) else None


def _whole(folder: Path) -> Run | None:
    if not all((folder / name).is_file() for name in (CONFIG, MODEL, ENROL, CALIBRATION, DEVELOPMENT, TEST)):
        return None
    try:
        run = Run.open(folder)
        plan_of(run)
    except RunError:  # a damaged run is trained again, as the error's message advises
        return None
    return run


def _differences(run: Run, config: RunConfig) -> list[str]:
    """Return the names of settings in which the run differs from `config`, and of a set that it lacks.

    The run's date, command and versions do not count. The source of strangers is compared by
    data_sha256, not by its name. A run of an earlier version, which held no writing back, tests on other writing.
    """
    wanted = msgspec.json.decode(msgspec.json.encode(config), type=RunConfig)
    changing = ("created", "command", "versions", "strangers")
    names = [name for name in RunConfig.__struct_fields__ if name not in changing]
    held = [] if (run.path / HELD).is_file() else [f"no {HELD}"]
    return held + [name for name in names if getattr(run.config, name) != getattr(wanted, name)]


def _make_folder(out: Path) -> None:
    """Make the folder of a run and prove, before the work and not after it, that it can be written to.

    Raises UnwritableError if it cannot, OverwriteError if the folder is a bundle.
    """
    if (out / MANIFEST).is_file():
        raise OverwriteError(f"{out}: is a bundle, which a run would spoil; choose another --out")
    with writing(out, "choose another --out"):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        (out / ".writable").write_bytes(bytes(1 << 12))
        (out / ".writable").unlink()
