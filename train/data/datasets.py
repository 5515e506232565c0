"""A dataset's name -> FragmentSet; its writers -> background, development, users and strangers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.raster import PEN_WIDTH
from edge.ink.symbols import DIGITS
from train.data import ink_files, mnist
from train.data.ink import Ink, fragments
from train.data.qmnist_ink import load_qmnist_ink
from train.errors import TooFewWritersError, UnknownDatasetError

INK_SOURCES = ("qmnist-ink", *ink_files.FILES)
"""Datasets that are kept as strokes, which any pen can draw."""
KIND_OF_SOURCE = {"qmnist": "scan", "synthetic": "invented", **dict.fromkeys(INK_SOURCES, "pen")}
"""A source's kind of input, as FragmentSet has it."""
SOURCES = tuple(KIND_OF_SOURCE)

LICENCES = {
    "qmnist": "images MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0 as commonly stated; writers QMNIST, BSD-style",
    "unipen": "UNIPEN train_r01_v07 (Guyon et al. 1994), CC BY 4.0; older text inside asks for research use",
    "synthetic": "",
}
"""First word of a source's name -> what is to be said wherever a network trained on it is passed on."""

FAMILIAR = {
    "unipen": "the ready bundle's thresholds for pens were fitted to these writers, its reader trained on some of them",
    "unipen-letters": "the ready bundle's networks were trained on writing of most of these writers",
    "unipen-sessions": "the ready bundle's networks were trained on writing of all of these writers",
}
"""A source -> what the ready bundle owes to writers whom `reported_writers` names all the same."""

MIN_FRAGMENTS = 40
"""A writer with fewer fragments than this serves as background only: they are too few to enrol from and to test on."""

ENROL_SHARE = 0.65
"""Share of a user's fragments, the first in order of writing, that enrol."""

HELD_SHARE = 0.15
"""Share that comes next, on which nothing is trained or reported; the others test."""

SPLIT_SEED = 20_260_101
SYNTHETIC_WRITERS, SYNTHETIC_PER_WRITER = 120, 110
STRANGERS_SEED = 20_260_102
"""The seed of invented strangers, none of whom is a writer of the dataset `synthetic`, which has seed 0."""

UNIPEN_DEVELOPMENT = 40
"""Number of UNIPEN's writers on whom no backbone is trained."""

_UNIPEN_MIN, _UNIPEN_SEED = 60, 7
_QMNIST_WRITERS = 539
_DEVELOPMENT, _EVALUATION = 40 / _QMNIST_WRITERS, 99 / _QMNIST_WRITERS


@dataclass(frozen=True)
class WriterSplit:
    """A set's writers in three disjoint parts, each of ascending ids: every writer is in one of them.

    background: to pre-train. development: to fix thresholds. evaluation: to report error rates.
    """

    background: tuple[int, ...]
    development: tuple[int, ...]
    evaluation: tuple[int, ...]


@dataclass(frozen=True)
class Draw:
    """One draw among the evaluation writers: K users in label order, and all the others as strangers.

    Both are in ascending order of id.
    """

    users: tuple[int, ...]
    strangers: tuple[int, ...]


def load(
    name: str,
    *,
    pixel_bits: int = 1,
    data_dir: Path | str | None = None,
    writers: int = SYNTHETIC_WRITERS,
    per_writer: int = SYNTHETIC_PER_WRITER,
    seed: int = 0,
    symbols: str = DIGITS,
    progress: Callable[[int, int], None] | None = None,
    width: int = PEN_WIDTH,
) -> FragmentSet:
    """Load the fragments of one of SOURCES or of an .npz file, at 1 or 8 bits a pixel.

    `data_dir` is the folder of all sources but synthetic (see `mnist.data_folder`), `width` the pen (1/100 mm) of
    INK_SOURCES. The other options are for synthetic only: the numbers of writers and of fragments by each, the seed
    that invents them, the symbols they write, and a progress callback that takes the number of writers done and in all.
    Raises UnknownDatasetError, MissingDataError, CorruptDataError, or FragmentSet.load's own errors for an .npz.
    """
    if name == "qmnist":
        return mnist.load_qmnist(data_dir).of_kind(KIND_OF_SOURCE[name]).to_bits(pixel_bits)
    if name == "synthetic":
        from train.synthetic.writers import synthetic_set

        invented = synthetic_set(writers, per_writer, seed, symbols, progress)
        return invented.of_kind(KIND_OF_SOURCE[name]).to_bits(pixel_bits)
    if name in INK_SOURCES:
        return fragments(load_strokes(name, data_dir), width).of_kind(KIND_OF_SOURCE[name]).to_bits(pixel_bits)
    if name.endswith(".npz"):
        return FragmentSet.load(Path(name)).to_bits(pixel_bits)
    raise UnknownDatasetError(f"no dataset is called {name!r}; take {', '.join(SOURCES)} or a path that ends in .npz")


def load_strangers(name: str) -> FragmentSet:
    """Load strangers' fragments, grey, as `load` does; invented strangers are in no dataset."""
    return load(name, pixel_bits=8, seed=STRANGERS_SEED)


def kinds_of(fragments: FragmentSet) -> str:
    """Return the kinds of input in a set, in words."""
    return " and ".join(KINDS[code] for code in np.unique(fragments.kind))


def same_kind(one: str, other: str) -> bool:
    """Return whether two kinds of input, as `kinds_of` returns them, are the same.

    What is unknown is the same as nothing.
    """
    return one == other and KINDS[0] not in one


def require_able(name: str, fragments: FragmentSet, users: int) -> tuple[int, ...]:
    """Return the writers who wrote enough to be enrolled, ascending; `name` is the set's.

    Raises TooFewWritersError, with everybody's number of fragments, when there are fewer of them than users wanted.
    """
    ids, counts = np.unique(fragments.writer, return_counts=True)
    able = ids[counts >= MIN_FRAGMENTS]
    if len(able) >= users:
        return _ascending(able)
    few = [f"{fragments.name_of(int(w))} {n}" for w, n in zip(ids, counts, strict=True) if n < MIN_FRAGMENTS]
    listed = f" ({', '.join(few[:5])}{' ...' if len(few) > 5 else ''})" if few else ""
    raise TooFewWritersError(
        f"{name} has {len(ids)} writers, {len(able)} with {MIN_FRAGMENTS} fragments or more{listed}: too few for "
        f"{users} users; enrolled from 24, a gate set to a FAR of 1 % let in 10 %. `inkgate capture` adds to the file; "
        "`inkgate users add` enrols from fewer, without training"
    )


def load_strokes(name: str, data_dir: Path | str | None = None) -> Ink:
    """Load the strokes of one of INK_SOURCES; `train.data.ink.fragments` draws them with any pen.

    Raises UnknownDatasetError, MissingDataError, CorruptDataError.
    """
    if name not in INK_SOURCES:
        raise UnknownDatasetError(f"no strokes are called {name!r}; take {', '.join(INK_SOURCES)}")
    return load_qmnist_ink(data_dir) if name == "qmnist-ink" else ink_files.load_ink(name, data_dir)


def split_writers(fragments: FragmentSet, seed: int = SPLIT_SEED) -> WriterSplit:
    """Split the writers at random in the proportion 400 : 40 : 99; equal seeds give equal splits.

    These are QMNIST's exact numbers. Writers with fewer than MIN_FRAGMENTS fragments go to the background. Raises
    TooFewWritersError when development or evaluation would be left empty.
    """
    ids, counts = np.unique(fragments.writer, return_counts=True)
    able = np.random.default_rng([seed, 0]).permutation(ids[counts >= MIN_FRAGMENTS])
    evaluation, development = round(len(ids) * _EVALUATION), max(1, round(len(ids) * _DEVELOPMENT))
    if evaluation == 0 or len(able) < evaluation + development + 1:
        raise TooFewWritersError(
            f"{len(able)} of {len(ids)} writers have {MIN_FRAGMENTS} fragments or more: too few to split into "
            "background, development and evaluation; to enrol them, take strangers from another file (`inkgate train "
            "--strangers`), or do without training (`inkgate users add`)"
        )
    held = evaluation + development
    return WriterSplit(
        background=_ascending(np.setdiff1d(ids, able[:held])),
        development=_ascending(able[evaluation:held]),
        evaluation=_ascending(able[:evaluation]),
    )


def reported_writers(name: str, fragments: FragmentSet, data_dir: Path | str | None = None) -> tuple[int, ...]:
    """Return the writers of a set on whom error rates are reported, ascending; `name` is as for `load`.

    Of QMNIST, scanned or as ink, the evaluation writers; of UNIPEN the development writers; of other sets all. Of
    writers of FAMILIAR something is known to the ready bundle: there is nobody else. Errors as of `load`.
    """
    if name in ("qmnist", "qmnist-ink"):
        scans = fragments if name == "qmnist" else load("qmnist", data_dir=data_dir)
        return split_writers(scans).evaluation
    return unipen_development(fragments.writer) if name == "unipen" else _ascending(fragments.writers)


def unipen_development(writer: NDArray[np.integer]) -> tuple[int, ...]:
    """Return UNIPEN's development writers, ascending: 40, drawn from those with 60 digits or more.

    writer: that of every digit, int [N]. Raises TooFewWritersError when there are not so many.
    """
    ids, counts = np.unique(writer, return_counts=True)
    able = ids[counts >= _UNIPEN_MIN]
    if len(able) <= UNIPEN_DEVELOPMENT:
        raise TooFewWritersError(
            f"{len(able)} of {len(ids)} writers have {_UNIPEN_MIN} digits or more: too few to keep "
            f"{UNIPEN_DEVELOPMENT} for development; `inkgate data info` shows the counts"
        )
    return _ascending(np.random.default_rng(_UNIPEN_SEED).permutation(able)[:UNIPEN_DEVELOPMENT])


def draw_users(split: WriterSplit, users: int, draw: int = 0, seed: int = SPLIT_SEED) -> Draw:
    """Draw `users` evaluation writers to enrol; equal (seed, draw) give equal users.

    Consecutive draws deal from one shuffled pack until it holds too few, then from a fresh one, so the first
    floor(evaluation / users) draws share no user. Raises TooFewWritersError when no stranger would be left.
    """
    pack = len(split.evaluation)
    if users < 1 or draw < 0:
        raise ValueError(f"draw {draw} of {users} users: draws count from 0 and users from 1")
    if users >= pack:
        raise TooFewWritersError(
            f"{users} users cannot be drawn from {pack} evaluation writers with strangers left over; "
            f"enrol at most {pack - 1}"
        )
    shuffle, place = divmod(draw, pack // users)
    dealt = np.random.default_rng([seed, 1, shuffle]).permutation(np.array(split.evaluation))
    chosen = dealt[place * users : (place + 1) * users]
    return Draw(_ascending(chosen), _ascending(np.setdiff1d(dealt, chosen)))


class EnrolmentSplit(NamedTuple):
    """Users' fragments in three parts, by order of writing: what enrols, what is held back, what tests."""

    enrol: FragmentSet
    held: FragmentSet
    test: FragmentSet


def enrolment_split(fragments: FragmentSet, users: Sequence[int]) -> EnrolmentSplit:
    """Split each user's fragments in order of writing: the first 65 %, the next 15 %, and the rest.

    Raises TooFewWritersError for a user with too few fragments for three parts.
    """
    parts: tuple[list[NDArray[np.intp]], ...] = ([], [], [])
    for user in users:
        mine = np.flatnonzero(fragments.writer == user)
        mine = mine[np.argsort(fragments.order[mine], kind="stable")]
        cut = int(len(mine) * ENROL_SHARE)
        until = int(len(mine) * (ENROL_SHARE + HELD_SHARE))
        if not 0 < cut < until < len(mine):
            raise TooFewWritersError(f"writer {user} has {len(mine)} fragments: too few to enrol from and to test on")
        for part, chosen in zip(parts, np.split(mine, [cut, until]), strict=True):
            part.append(chosen)
    return EnrolmentSplit(*(fragments.select(np.concatenate(part)) for part in parts))


def _ascending(ids: NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(sorted(int(i) for i in ids))
