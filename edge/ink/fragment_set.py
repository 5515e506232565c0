"""Writers' fragments in memory <-> one `.npz` file, checked on the way in and on the way out."""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import FragmentSetError
from edge.ink.fragment import SIDE, Pixels

Ids = npt.NDArray[np.int32]

_FIELDS = {"pixels": np.uint8, "writer": np.int32, "symbol": np.int32, "order": np.int32}
_NAMES = "writer_names"


@dataclass(frozen=True, eq=False)
class FragmentSet:
    """N fragments of handwriting, one written symbol each.

    pixels        uint8 [N, 33, 33], 0 paper .. 255 ink; a 1-bit set holds only 0 and 255
    writer        int32 [N], id of who wrote it
    symbol        int32 [N], class code of what was written, -1 unknown
    order         int32 [N], position in the writer's form or session
    writer_names  either empty or one name for each of `writers`, in that order; "" stands for str(writer id)

    FragmentSetError unless every field is as described.
    """

    pixels: Pixels
    writer: Ids
    symbol: Ids
    order: Ids
    writer_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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

        It is equal for equal sets however they were stored.
        """
        digest = hashlib.sha256(b"inkgate-fragments/1")
        for field, dtype in _FIELDS.items():
            array = np.ascontiguousarray(getattr(self, field), dtype=np.dtype(dtype).newbyteorder("<"))
            digest.update(f"\n{field} {list(array.shape)}\n".encode())
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
        return FragmentSet(self.pixels[chosen], writer, self.symbol[chosen], self.order[chosen], names)

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
        pixels = np.where(self.pixels >= 128, np.uint8(255), np.uint8(0))
        return FragmentSet(pixels, self.writer, self.symbol, self.order, self.writer_names)

    def require_writers(self, count: int) -> "FragmentSet":
        """Return the set itself. FragmentSetError if it has fewer than `count` writers."""
        if len(self.writers) < count:
            raise FragmentSetError(
                f"{count} writers are needed and the set has {len(self.writers)}; "
                "add others with `inkgate capture` or choose fewer users"
            )
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the set as `.npz`, its keys named as the fields.

        A reader sees the old file or the whole new one. FragmentSetError if it cannot be written.
        """
        target = Path(path)
        arrays: dict[str, Any] = {field: getattr(self, field) for field in _FIELDS}
        arrays[_NAMES] = np.asarray(self.writer_names, dtype=np.str_)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        except OSError as error:
            raise FragmentSetError(f"{target}: cannot be written: {error.strerror}") from error
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez_compressed(stream, **arrays)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except OSError as error:
            raise FragmentSetError(f"{target}: cannot be written: {error.strerror}") from error
        finally:
            Path(temporary).unlink(missing_ok=True)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "FragmentSet":
        """Read what `save` wrote.

        FragmentSetError, naming the file, if it is missing, not an .npz file, truncated or wrong.
        """
        source = Path(path)
        arrays = _read_npz(source)
        missing = sorted(_FIELDS.keys() - arrays.keys())
        if missing:
            raise FragmentSetError(f"{source}: no array named {', '.join(missing)}: this is not a set of fragments")
        names = arrays.get(_NAMES, np.asarray((), dtype=np.str_))
        if names.dtype.kind != "U" and names.size:
            raise FragmentSetError(f"{source}: writer_names is {names.dtype}, not text")
        try:
            return FragmentSet(**{f: arrays[f] for f in _FIELDS}, writer_names=tuple(str(n) for n in names.ravel()))
        except FragmentSetError as error:
            raise FragmentSetError(f"{source}: {error}") from error


def join(sets: Sequence[FragmentSet]) -> FragmentSet:
    """Return all fragments of the sets, one set after another.

    A writer id keeps its name from the first set that gives one. FragmentSetError without a set.
    """
    if not sets:
        raise FragmentSetError("no set of fragments to join")
    arrays = {field: np.concatenate([getattr(s, field) for s in sets]) for field in _FIELDS}
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
    for field, dtype in _FIELDS.items():
        array = getattr(fragments, field)
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            found = getattr(array, "dtype", type(array).__name__)
            raise FragmentSetError(f"{field} is {found}, not {np.dtype(dtype)}")
    if fragments.pixels.ndim != 3 or fragments.pixels.shape[1:] != (SIDE, SIDE):
        raise FragmentSetError(f"pixels has shape {list(fragments.pixels.shape)}, not [N, {SIDE}, {SIDE}]")
    if len(fragments.pixels) == 0:
        raise FragmentSetError("the set is empty")
    for field in ("writer", "symbol", "order"):
        shape = getattr(fragments, field).shape
        if shape != (len(fragments.pixels),):
            raise FragmentSetError(f"{field} has shape {list(shape)} beside {len(fragments.pixels)} fragments")
    if fragments.writer_names and len(fragments.writer_names) != len(fragments.writers):
        raise FragmentSetError(f"{len(fragments.writer_names)} names for {len(fragments.writers)} writers")


def _read_npz(source: Path) -> dict[str, npt.NDArray[Any]]:
    """Return every array of the file by name.

    np.load runs without pickles: a set of fragments can never carry code.
    """
    try:
        with source.open("rb") as stream:
            if stream.read(2) != b"PK":
                raise FragmentSetError(
                    f"{source}: not an .npz file; `inkgate data export` and `inkgate capture` make one"
                )
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except FragmentSetError:
        raise
    except FileNotFoundError as error:
        raise FragmentSetError(
            f"{source}: no such file; `inkgate data export` and `inkgate capture` make one"
        ) from error
    except OSError as error:
        raise FragmentSetError(f"{source}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise FragmentSetError(f"{source}: truncated or damaged ({error}); copy or make it again") from error
    except Exception as error:
        # zlib and lzma raise their own errors for damaged streams; each of them means the same to a person.
        raise FragmentSetError(f"{source}: cannot be read ({type(error).__name__}: {error})") from error
