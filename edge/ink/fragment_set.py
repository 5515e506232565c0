"""Writers' fragments in memory <-> one `.npz` file, checked on the way in and on the way out."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import FragmentSetError
from edge.ink.fragment import SIDE, Pixels
from edge.ink.fragment_file import Arrays, read_arrays, write_arrays
from edge.ink.names import LONGEST, check_names
from edge.ink.plausible import check_ink

Ids = npt.NDArray[np.int32]

KINDS = ("unknown", "scan", "pen", "camera", "invented")
"""What a fragment came from, by code: a scanner, a pen, a camera, or nobody's hand."""

MAX_ID = (1 << 30) - 1
"""Largest number of a writer, a symbol, an order or a session; the smallest is -1."""
MAX_FRAGMENTS = 2_000_000
"""Largest number of fragments that are read from a file."""

_FIELDS = {"pixels": np.uint8, "writer": np.int32, "symbol": np.int32, "order": np.int32}
_OPTIONAL = {"session": (np.int32, -1), "time": (np.int64, -1), "kind": (np.int8, 0)}
"""Fields that a set may lack: their types, and the value that stands for unknown."""
_NAMES = "writer_names"
_LIMITS = {
    "pixels": MAX_FRAGMENTS * SIDE * SIDE,
    **dict.fromkeys(("writer", "symbol", "order", *_OPTIONAL), MAX_FRAGMENTS * 8),
    _NAMES: MAX_FRAGMENTS * LONGEST,
}


@dataclass(frozen=True, eq=False)
class FragmentSet:
    """N fragments of handwriting, one written symbol each.

    pixels        uint8 [N, 33, 33], 0 paper .. 255 ink; a 1-bit set holds only 0 and 255
    writer        int32 [N], id of who wrote it
    symbol        int32 [N], class code of what was written, -1 unknown
    order         int32 [N], position in the writer's form or session
    writer_names  either empty or one name for each of `writers`, in that order; "" stands for str(writer id)
    session       int32 [N], the writer's sitting, -1 unknown
    time          int64 [N], ms since the writer's first fragment, -1 unknown
    kind          int8 [N], place in KINDS of what it came from, 0 unknown

    session, time and kind that are not given are unknown. FragmentSetError unless every field is as described, and
    every name as `edge.ink.names` demands.
    """

    pixels: Pixels
    writer: Ids
    symbol: Ids
    order: Ids
    writer_names: tuple[str, ...] = ()
    session: Ids = field(default_factory=lambda: np.empty(0, np.int32))
    time: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    kind: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))

    def __post_init__(self) -> None:
        if np.ndim(self.pixels) != 3:
            raise FragmentSetError(f"pixels has shape {list(np.shape(self.pixels))}, not [N, {SIDE}, {SIDE}]")
        for name, (dtype, unknown) in _OPTIONAL.items():
            if isinstance(getattr(self, name), np.ndarray) and getattr(self, name).shape == (0,):
                object.__setattr__(self, name, np.full(len(self.pixels), unknown, dtype))
        _check_fields(self)

    def __len__(self) -> int:
        return len(self.writer)

    @cached_property
    def writers(self) -> Ids:
        """Return the ids of the writers present, int32, ascending, each once."""
        return np.unique(self.writer)

    @cached_property
    def pixel_bits(self) -> int:
        """Return 1 if only 0 and 255 occur, else 8."""
        return 1 if bool(np.isin(self.pixels, (0, 255)).all()) else 8

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 (hex) of the content: fields, shapes, values and names.

        It is equal for equal sets however they were stored. A session, time or kind that is unknown throughout does not
        count.
        """
        digest = hashlib.sha256(b"inkgate-fragments/1")
        for name, values in self._arrays().items():
            array = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
            digest.update(f"\n{name} {list(array.shape)}\n".encode())
            digest.update(array.tobytes())
        for writer in self.writers:
            digest.update(b"\n" + self.name_of(int(writer)).encode())
        return digest.hexdigest()

    def name_of(self, writer: int) -> str:
        """Return the writer's name, or str(writer) where none was given."""
        if self.writer_names:
            position = int(np.searchsorted(self.writers, writer))
            if position < len(self.writers) and self.writers[position] == writer:
                return self.writer_names[position] or str(writer)
        return str(writer)

    def select(self, index: npt.ArrayLike) -> "FragmentSet":
        """Return the fragments at a boolean mask [N] or at integer indices, in the order given.

        FragmentSetError if there are none.
        """
        chosen = np.asarray(index)
        if chosen.size == 0:
            raise FragmentSetError("the selection holds no fragment")
        if chosen.dtype != np.bool_:
            chosen = chosen.astype(np.int64)
        writer = self.writer[chosen]
        if len(writer) == 0:
            raise FragmentSetError("the selection holds no fragment")
        names = tuple(self.name_of(int(w)) for w in np.unique(writer)) if self.writer_names else ()
        arrays = {name: getattr(self, name)[chosen] for name in (*_FIELDS, *_OPTIONAL)}
        return FragmentSet(**arrays, writer_names=names)

    def of_writers(self, ids: npt.ArrayLike) -> "FragmentSet":
        """Return the fragments of these writers. FragmentSetError if one of them wrote none."""
        wanted = np.unique(np.asarray(ids, dtype=np.int64))
        missing = np.setdiff1d(wanted, self.writers)
        if missing.size:
            raise FragmentSetError(f"no fragment of writer {', '.join(map(str, missing[:5]))} in the set")
        return self.select(np.isin(self.writer, wanted))

    def to_bits(self, bits: int) -> "FragmentSet":
        """Return the set with pixels as the wire carries them at `bits` bits a pixel.

        1: every pixel >= 128 becomes 255 and every other 0. 8: unchanged. FragmentSetError for another number.
        """
        if bits not in (1, 8):
            raise FragmentSetError(f"a pixel has 1 or 8 bits, not {bits}")
        if bits == 8:
            return self
        return replace(self, pixels=np.where(self.pixels >= 128, np.uint8(255), np.uint8(0)))

    def of_kind(self, kind: str) -> "FragmentSet":
        """Return the set with this one of KINDS for every fragment."""
        return replace(self, kind=np.full(len(self), KINDS.index(kind), np.int8))

    def require_writers(self, count: int) -> "FragmentSet":
        """Return the set itself. FragmentSetError if it has fewer than `count` writers."""
        if len(self.writers) < count:
            raise FragmentSetError(
                f"{count} writers are needed and the set has {len(self.writers)}; "
                "add others with `inkgate capture` or choose fewer users"
            )
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the set as `.npz`, its keys named as the fields, readable by its owner only.

        A session, time or kind that is unknown throughout is left out. A reader sees the old file or the whole new one.
        UnwritableError if it cannot be written.
        """
        write_arrays(Path(path), self._arrays() | {_NAMES: np.asarray(self.writer_names, dtype=np.str_)})

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "FragmentSet":
        """Read what `save` wrote; other arrays in the file are ignored.

        FragmentSetError, naming the file, if it is missing, not an .npz file, truncated or wrong, and if its pixels are
        not those of handwriting (see `edge.ink.plausible`).
        """
        source = Path(path)
        arrays = read_arrays(source, _LIMITS)
        missing = sorted(_FIELDS.keys() - arrays.keys())
        if missing:
            raise FragmentSetError(f"{source}: no array named {', '.join(missing)}: this is not a set of fragments")
        names = arrays.pop(_NAMES, np.asarray((), dtype=np.str_))
        if names.dtype.kind != "U" and names.size:
            raise FragmentSetError(f"{source}: writer_names is {names.dtype}, not text")
        try:
            fragments = FragmentSet(**arrays, writer_names=tuple(str(n) for n in names.ravel()))
            check_ink(fragments.pixels, fragments.writer)
        except FragmentSetError as error:
            raise type(error)(f"{source}: {error}") from error
        return fragments

    def _arrays(self) -> Arrays:
        """Return the arrays by field, without those that are unknown throughout."""
        known = [name for name, (_, unknown) in _OPTIONAL.items() if np.any(getattr(self, name) != unknown)]
        return {name: getattr(self, name) for name in (*_FIELDS, *known)}


def join(sets: Sequence[FragmentSet]) -> FragmentSet:
    """Return all fragments of the sets, one set after another.

    A writer id keeps its name from the first set that gives one. FragmentSetError without a set.
    """
    if not sets:
        raise FragmentSetError("no set of fragments to join")
    arrays = {name: np.concatenate([getattr(s, name) for s in sets]) for name in (*_FIELDS, *_OPTIONAL)}
    names: dict[int, str] = {}
    for fragments in sets:
        if fragments.writer_names:
            for writer in fragments.writers:
                names.setdefault(int(writer), fragments.name_of(int(writer)))
    labels = tuple(names.get(int(w), "") for w in np.unique(arrays["writer"])) if names else ()
    return FragmentSet(**arrays, writer_names=labels)


def sample_words(
    fragments: FragmentSet, writers: npt.ArrayLike, symbols: int, per_writer: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Ids]:
    """Draw `per_writer` words of `symbols` fragments for each writer in turn.

    Returns (index int64 [W, symbols] into the set, writer int32 [W]). Inside a word no fragment occurs twice while the
    writer has at least `symbols` fragments; beyond that a word takes all of them and draws the rest again (with
    replacement). Words of one writer are drawn independently.

    FragmentSetError if a writer has no fragment, or if `symbols` or `per_writer` is below 1.
    """
    if symbols < 1 or per_writer < 1:
        raise FragmentSetError(f"words of {symbols} symbols, {per_writer} per writer: both must be at least 1")
    ids = np.atleast_1d(np.asarray(writers, dtype=np.int32))
    words: list[npt.NDArray[np.int64]] = []
    for writer in ids:
        own = np.flatnonzero(fragments.writer == writer)
        if own.size == 0:
            raise FragmentSetError(f"no fragment of writer {writer} in the set")
        words.append(_draw(own, symbols, per_writer, rng))
    index = np.concatenate(words) if words else np.empty((0, symbols), np.int64)
    return index, np.repeat(ids, per_writer)


def _draw(own: npt.NDArray[np.int64], symbols: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw `count` words from the indices `own`; random keys sort each word's own permutation."""
    permuted = own[np.argsort(rng.random((count, own.size)), axis=1)[:, :symbols]]
    if own.size >= symbols:
        return permuted
    again = rng.choice(own, size=(count, symbols - own.size))
    return np.concatenate([permuted, again], axis=1)


def _check_fields(fragments: FragmentSet) -> None:
    for name, dtype in (_FIELDS | {name: dtype for name, (dtype, _) in _OPTIONAL.items()}).items():
        array = getattr(fragments, name)
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            found = getattr(array, "dtype", type(array).__name__)
            raise FragmentSetError(f"{name} is {found}, not {np.dtype(dtype)}")
    if fragments.pixels.shape[1:] != (SIDE, SIDE):
        raise FragmentSetError(f"pixels has shape {list(fragments.pixels.shape)}, not [N, {SIDE}, {SIDE}]")
    if len(fragments.pixels) == 0:
        raise FragmentSetError("the set is empty")
    for name in ("writer", "symbol", "order", *_OPTIONAL):
        shape = getattr(fragments, name).shape
        if shape != (len(fragments.pixels),):
            raise FragmentSetError(f"{name} has shape {list(shape)} beside {len(fragments.pixels)} fragments")
    _check_values(fragments)


def _check_values(fragments: FragmentSet) -> None:
    for name in ("writer", "symbol", "order", "session"):
        values = getattr(fragments, name)
        least, most = int(values.min()), int(values.max())
        if least < -1 or most > MAX_ID:
            raise FragmentSetError(f"{name} {least if least < -1 else most} is not in -1 .. {MAX_ID}: number from 0")
    if fragments.kind.min() < 0 or fragments.kind.max() >= len(KINDS):
        raise FragmentSetError(f"kind is 0 to {len(KINDS) - 1} ({', '.join(KINDS)}), not {int(fragments.kind.max())}")
    if fragments.writer_names:
        if len(fragments.writer_names) != len(fragments.writers):
            raise FragmentSetError(f"{len(fragments.writer_names)} names for {len(fragments.writers)} writers")
        check_names([fragments.name_of(int(writer)) for writer in fragments.writers])
