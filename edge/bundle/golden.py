"""Golden vectors <-> one flat file: words, all tensors a kernel set computes on them, and a stamp.

The file is little-endian throughout, its arrays are in C order and not compressed, so that C reads it where it lies in
memory:

    header      8s magic, u32 format, u32 entries, 32s SHA-256 of the model, u64 size of the file, u64 zero
    entries     48s name (NUL padded), u32 dtype (1 int8, 2 int16, 3 int32, 4 UTF-8), u32 rank, 6 u32 dims (unused: 0),
                u64 offset, u64 bytes
    arrays      each at a multiple of 16 bytes, zeros in between, in the order of the entries
    32s         SHA-256 of all that precedes

The entries are "stamp" and "outputs" (lines "key: value"), "fragments" int8 [N, 33, 33, 1], "lengths" int32 [W] (sum
N), then every tensor [N, ...] in the order of computation, named as quantize.model.trace names it ("9.cell_state"). The
outputs say which tensor is which output of the model, in the order of computation ("features: 7.output", then
"logits: 10.output"). Each word starts from a cleared state. A file that is not byte for byte what `encode` writes is
refused.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.errors import ForeignVectorsError, GoldenError, StaleVectorsError
from edge.ink.fragment import SIDE

FORMAT: Final = 2
MAGIC: Final = b"INKGOLD\0"

Array = npt.NDArray[Any]
Int8 = npt.NDArray[np.int8]

_HEADER: Final = struct.Struct("<8sII32sQQ")
_ENTRY: Final = struct.Struct("<48sII6IQQ")
_ALIGN, _RANK, _DIGEST = 16, 6, 32
_DTYPES: Final[dict[int, str]] = {1: "<i1", 2: "<i2", 3: "<i4", 4: "<u1"}
_TEXT: Final = 4
_STAMP, _OUTPUTS, _FRAGMENTS, _LENGTHS = "stamp", "outputs", "fragments", "lengths"
_FIRST: Final = (_STAMP, _OUTPUTS, _FRAGMENTS, _LENGTHS)

LOGITS, FEATURES = "logits", "features"
"""Names of outputs: one logit for each class (users and the stranger, or symbols); the features of a fragment."""


def file_name(kernels: str) -> str:
    """Return the name of a kernel set's golden vectors inside a bundle."""
    return f"golden-{kernels}.bin"


@dataclass(frozen=True)
class Stamp:
    """What made golden vectors. Every field is one line of printable text.

    runtime, version  the interpreter that gave every value bit for bit
    kernels           the kernel set
    rules             the rounding rule that each operation follows
    machine           where they were made
    tells_apart       which kernel sets the outputs of these words tell apart: "|" between sets whose outputs differ,
                      "=" between sets whose outputs are equal
    """

    tool: str
    tool_version: str
    runtime: str
    version: str
    kernels: str
    rules: str
    machine: str
    tells_apart: str

    def __post_init__(self) -> None:
        """Raise GoldenError unless every field is one line of text."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) or not value.isprintable() or value != value.strip():
                raise GoldenError(f"the stamp's {field.name} is not one line of text")


class Difference(NamedTuple):
    """The first value of an output that is not the golden one; numbers are counted from 0."""

    word: int
    step: int
    output: str
    position: int
    expected: int
    got: int

    def __str__(self) -> str:
        place = f"golden word {self.word}, step {self.step}, {self.output} {self.position}"
        return f"{place}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """Words, and every tensor that a kernel set computes on them.

    fragments     int8 [N, 33, 33, 1], the words one after another
    lengths       int32 [W], the number of fragments of each word; their sum is N
    tensors       [N, ...] each, by name, in the order of computation
    outputs       name of each of the model's outputs -> name of its tensor, an int8 one, in the order of computation
    model_sha256  hex

    GoldenError if the arrays do not fit each other.
    """

    stamp: Stamp
    model_sha256: str
    fragments: Int8
    lengths: npt.NDArray[np.int32]
    tensors: Mapping[str, Array]
    outputs: Mapping[str, str]

    def __post_init__(self) -> None:
        _require(
            self.fragments.dtype == np.int8 and self.fragments.shape[1:] == (SIDE, SIDE, 1),
            f"fragments are {self.fragments.dtype} {list(self.fragments.shape)}, not int8 [N, {SIDE}, {SIDE}, 1]",
        )
        lengths, sha256 = self.lengths, self.model_sha256
        _require(len(sha256) == 64 and set(sha256) <= set("0123456789abcdef"), "the model's hash is no SHA-256")
        _require(lengths.dtype == np.int32 and lengths.ndim == 1 and lengths.size > 0, "there are no words")
        count = len(self.fragments)
        _require(int(lengths.min()) > 0 and int(lengths.sum(dtype=np.int64)) == count, "lengths do not divide them")
        _require(len(self.tensors) > 0, "there are no tensors")
        for name, array in self.tensors.items():
            _require(0 < len(name) < 48 and name.isascii() and name.isprintable(), f"{name!r} names no tensor")
            _require(name not in _FIRST, f"a tensor cannot be called {name}")
            _require(array.dtype in (np.int8, np.int16, np.int32), f"{name} is {array.dtype}")
            _require(2 <= array.ndim <= _RANK and len(array) == count and array.size > 0, f"{name} has another shape")
        _require(len(self.outputs) > 0, "there are no outputs")
        for output, name in self.outputs.items():
            _require(output.isidentifier() and output.isascii(), f"{output!r} names no output")
            there = name in self.tensors and self.tensors[name].dtype == np.int8
            _require(there, f"{output} is {name}, which is no int8 tensor among them")

    def output(self, name: str) -> Int8:
        """Return what the model gave at each fragment as the output of that name, int8 [N, n].

        It has no columns if the model has no such output.
        """
        if name not in self.outputs:
            return np.empty((len(self.fragments), 0), np.int8)
        values: Int8 = self.tensors[self.outputs[name]]
        return values.reshape(len(self.fragments), -1)

    @property
    def logits(self) -> Int8:
        """Return the model's logits at each fragment, int8 [N, K+1]."""
        return self.output(LOGITS)

    @property
    def features(self) -> Int8:
        """Return the model's features of each fragment, int8 [N, F]."""
        return self.output(FEATURES)

    def words(self) -> Iterator[Int8]:
        """Yield the fragments of each word, int8 [T, 33, 33, 1]."""
        yield from np.split(self.fragments, np.cumsum(self.lengths)[:-1])

    def first_difference(self, outputs: Mapping[str, Int8]) -> Difference | None:
        """Return the first value of the outputs that is not the golden one, None if all are equal.

        outputs: int8 [N, n] of the same fragments by the name of each output, all of the model's. The first is that of
        the earliest fragment, there of the output that is computed first. GoldenError for other outputs or shapes.
        """
        if set(outputs) != set(self.outputs):
            raise GoldenError(f"outputs {', '.join(outputs)} where the golden ones are {', '.join(self.outputs)}")
        found = [self._first_of(name, outputs[name]) for name in self.outputs]
        return min((place for place in found if place is not None), key=lambda place: place[:2], default=None)

    def _first_of(self, output: str, got: Int8) -> Difference | None:
        expected = self.output(output)
        if got.shape != expected.shape:
            raise GoldenError(f"{output} of shape {list(got.shape)} where the golden ones are {list(expected.shape)}")
        wrong = np.argwhere(got != expected)
        if len(wrong) == 0:
            return None
        fragment, position = (int(i) for i in wrong[0])
        ends = np.cumsum(self.lengths)
        word = int(np.searchsorted(ends, fragment, side="right"))
        step = fragment - int(ends[word] - self.lengths[word])
        wanted, found = int(expected[fragment, position]), int(got[fragment, position])
        return Difference(word, step, output, position, wanted, found)

    def encode(self) -> bytes:
        """Return the content of the file."""
        stamp = {field.name: getattr(self.stamp, field.name) for field in fields(self.stamp)}
        arrays: dict[str, Array] = {
            _STAMP: _text(stamp),
            _OUTPUTS: _text(self.outputs),
            _FRAGMENTS: self.fragments,
            _LENGTHS: self.lengths,
            **self.tensors,
        }
        raw = {name: np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes() for name, a in arrays.items()}
        position = _HEADER.size + _ENTRY.size * len(arrays)
        table, body = [], []
        for name, array in arrays.items():
            gap, size = -position % _ALIGN, len(raw[name])
            dims = (*array.shape, *(0,) * (_RANK - array.ndim))
            table.append(_ENTRY.pack(name.encode(), _code(array), array.ndim, *dims, position + gap, size))
            body += [bytes(gap), raw[name]]
            position += gap + size
        size = position + _DIGEST
        header = _HEADER.pack(MAGIC, FORMAT, len(arrays), bytes.fromhex(self.model_sha256), size, 0)
        content = b"".join([header, *table, *body])
        return content + hashlib.sha256(content).digest()


def decode(content: bytes) -> GoldenVectors:
    """Read what `encode` wrote.

    StaleVectorsError for another version of the format, GoldenError for anything else that is not such a file.
    """
    _require(len(content) >= _HEADER.size and content.startswith(MAGIC), "the file holds no golden vectors")
    _, version, entries, model, size, _ = _HEADER.unpack_from(content)
    if version != FORMAT:
        raise StaleVectorsError(f"the golden vectors have format {version}, this inkgate reads format {FORMAT}")
    _require(size == len(content), f"the file has {len(content)} bytes where {size} were written")
    digest = hashlib.sha256(content[:-_DIGEST]).digest()
    _require(digest == content[-_DIGEST:], "the file was altered: its hash is not the one at its end")
    # The hash excludes accidents; the checks below refuse a file that was made wrong.
    end = _HEADER.size + entries * _ENTRY.size
    _require(entries > len(_FIRST) and end <= size - _DIGEST, f"{entries} entries do not fit into the file")
    arrays = dict(_array(content, position) for position in range(_HEADER.size, end, _ENTRY.size))
    _require(tuple(arrays)[: len(_FIRST)] == _FIRST, f"the first entries are not {', '.join(_FIRST)}")
    stamp, outputs, fragments, lengths = (arrays.pop(name) for name in _FIRST)
    golden = GoldenVectors(_stamp(stamp), model.hex(), fragments, lengths, arrays, _lines(outputs))
    _require(golden.encode() == content, "the file is not laid out as golden vectors are")
    return golden


def check(golden: GoldenVectors, model: bytes, kernels: str, runtime: tuple[str, str] | None = None) -> None:
    """Refuse golden vectors that are not about this model, kernel set and, if one is given, runtime.

    runtime: (name, version). StaleVectorsError for another model's, ForeignVectorsError for those of another kernel
    set, runtime or version.
    """
    found, stamp = hashlib.sha256(model).hexdigest(), golden.stamp
    if golden.model_sha256 != found:
        raise StaleVectorsError(
            f"the golden vectors are those of model {golden.model_sha256[:12]}, the model here is {found[:12]}"
        )
    if stamp.kernels != kernels:
        raise ForeignVectorsError(f"the golden vectors are those of kernels {stamp.kernels}, not of {kernels}")
    if runtime is not None and (stamp.runtime, stamp.version) != runtime:
        raise ForeignVectorsError(
            f"the golden vectors are those of {stamp.runtime} {stamp.version}, not of {' '.join(runtime)}"
        )


def _array(content: bytes, position: int) -> tuple[str, Array]:
    """Return name and values of the entry at `position`."""
    name, code, rank, *rest = _ENTRY.unpack_from(content, position)
    dims, (offset, size) = rest[:_RANK][: min(rank, _RANK)], rest[_RANK:]
    text = name.rstrip(b"\0").decode("ascii", "replace")
    _require(code in _DTYPES and 1 <= rank <= _RANK, f"{text}: dtype {code} of rank {rank}")
    dtype = np.dtype(_DTYPES[code])
    shape = tuple(int(n) for n in dims)
    wanted = dtype.itemsize
    for n in shape:
        wanted *= n
    _require(wanted == size and offset % _ALIGN == 0, f"{text}: {size} bytes at {offset} for {list(shape)} of {dtype}")
    _require(offset + size <= len(content) - _DIGEST, f"{text} reaches over the end of the file")
    return text, np.frombuffer(content, dtype, wanted // dtype.itemsize, offset).reshape(shape)


def _stamp(raw: Array) -> Stamp:
    found, names = _lines(raw), [field.name for field in fields(Stamp)]
    _require(list(found) == names, f"the stamp does not say just {', '.join(names)}")
    return Stamp(**found)


def _text(lines: Mapping[str, str]) -> Array:
    return np.frombuffer("".join(f"{key}: {value}\n" for key, value in lines.items()).encode(), np.uint8)


def _lines(raw: Array) -> dict[str, str]:
    """Read what `_text` wrote. What has another form is found when the whole is encoded again."""
    try:
        lines = raw.tobytes().decode().splitlines()
    except UnicodeDecodeError as error:
        raise GoldenError(f"stamp or outputs are not text: {error}") from error
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def _code(array: Array) -> int:
    return next(code for code, dtype in _DTYPES.items() if np.dtype(dtype) == array.dtype)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise GoldenError(f"golden vectors: {otherwise}")
