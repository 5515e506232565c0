"""UNIPEN text files (format 1.0, Guyon 1994) -> symbols as strokes."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.errors import ImportedFileError
from train.importing.reading import files_of, finite, read_bytes
from train.importing.written import Written

_KEYWORD = re.compile(r"^\.([A-Z_]+)[ \t]*(.*)$")
_LABEL = re.compile(r'"((?:[^"\\]|\\.)*)"\s*$', re.DOTALL)
_RANGE = re.compile(r"^(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?$")
_MM_PER_INCH = 25.4
_DEEPEST = 4  # files that include one another
_LONGEST = 1000  # components of a symbol


@dataclass
class _Component:
    down: bool
    rows: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class _Segment:
    parts: str
    character: str
    writer: str
    line: str
    begin: int  # the component that comes next in the file


@dataclass(frozen=True)
class _Part:
    """A component's number, and its points from `first` up to `end` (None: all that follow)."""

    component: int
    first: int = 0
    end: int | None = None


@dataclass
class _State:
    writer: str
    columns: list[str] = field(default_factory=lambda: ["X", "Y"])
    per_mm: dict[str, float] = field(default_factory=dict)
    components: list[_Component] = field(default_factory=list)
    segments: list[_Segment] = field(default_factory=list)
    open: bool = False


def read_unipen(source: Path, writer: str | None = None) -> list[Written]:
    """Return the symbols of a UNIPEN file, or of all files in a folder that have any.

    A symbol is a .SEGMENT whose label is one character; y points upwards in the file. Its delineation counts components
    from 0: .PEN_DOWN and .PEN_UP, or .PEN_DOWN alone in a file whose segments would else begin with the pen up; `?` or
    none stands for what follows up to the next segment. The writer is .WRITER_ID, else `writer`, else the file's name.
    Files named by .INCLUDE are looked for beside the file and in the folders above it up to `source`, there also in
    `include`. Raises ImportedFileError, which names file and line.
    """
    symbols: list[Written] = []
    top = source if source.is_dir() else source.parent
    for path in files_of(source, ("",)):
        state = _State(writer or path.stem)
        _read(path, state, top, 0)
        symbols += _symbols(state)
    if not symbols:
        raise ImportedFileError(f"{source}: no .SEGMENT with a label of one character: no symbols in UNIPEN's format")
    return symbols


def _read(path: Path, state: _State, top: Path, depth: int) -> None:
    if depth > _DEEPEST:
        raise ImportedFileError(f"{path}: more than {_DEEPEST} files include one another")
    lines = read_bytes(path).decode("latin-1").splitlines()
    number = 0
    while number < len(lines):
        where = f"{path}, line {number + 1}"
        keyword = _KEYWORD.match(lines[number])
        number += 1
        if keyword is None:
            if state.open and lines[number - 1].strip():
                state.components[-1].rows.append(_row(lines[number - 1], state.columns, where))
            continue
        rest = [keyword[2]]
        while number < len(lines) and not lines[number].startswith(".") and keyword[1] == "SEGMENT":
            rest.append(lines[number])  # a label may go on in the next line
            number += 1
        _take(keyword[1], "\n".join(rest), state, where, path, top, depth)


def _take(word: str, rest: str, state: _State, where: str, path: Path, top: Path, depth: int) -> None:
    """Do what a keyword says."""
    state.open = word in ("PEN_DOWN", "PEN_UP")
    if state.open:
        state.components.append(_Component(word == "PEN_DOWN"))
    elif word == "COORD":
        state.columns = rest.split()
        if not {"X", "Y"} <= set(state.columns):
            raise ImportedFileError(f"{where}: .COORD without X and Y")
    elif word in ("X_POINTS_PER_INCH", "Y_POINTS_PER_INCH", "X_POINTS_PER_MM", "Y_POINTS_PER_MM"):
        per = _number(rest, where)
        state.per_mm[word[0]] = per / _MM_PER_INCH if word.endswith("INCH") else per
    elif word == "WRITER_ID":
        state.writer = rest.strip() or state.writer
    elif word == "SEGMENT":
        _take_segment(rest, state, where)
    elif word == "INCLUDE":
        _read(_included(rest.strip(), path, top, where), state, top, depth + 1)


def _take_segment(rest: str, state: _State, where: str) -> None:
    label = _LABEL.search(rest)
    fields = rest[: label.start()].split() if label else rest.split()
    if not fields:
        raise ImportedFileError(f"{where}: a .SEGMENT says nothing")
    character = re.sub(r"\\(.)", r"\1", label[1]).strip() if label else ""
    parts = fields[1] if len(fields) > 1 else "?"
    if len(character) == 1:
        state.segments.append(_Segment(parts, character, state.writer, where, len(state.components)))


def _included(name: str, path: Path, top: Path, where: str) -> Path:
    """Return the file that .INCLUDE means, which lies within `top`."""
    folders = [folder for folder in path.resolve().parents if folder.is_relative_to(top.resolve())]
    for folder in folders:
        for place in (folder / name, folder / "include" / name):
            if place.is_file() and place.resolve().is_relative_to(top.resolve()):
                return place
    raise ImportedFileError(f"{where}: .INCLUDE {name} is not there; give the folder that holds both files")


def _row(line: str, columns: list[str], where: str) -> list[float]:
    values = line.split()
    try:
        return [float(values[columns.index(axis)]) for axis in ("X", "Y")]
    except (ValueError, IndexError) as error:
        raise ImportedFileError(f"{where}: {line.strip()[:40]!r} is not the numbers {' '.join(columns)}") from error


def _number(text: str, where: str) -> float:
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError) as error:
        raise ImportedFileError(f"{where}: {text.strip()[:40]!r} is not a number") from error
    if not 0 < value < 1e6:
        raise ImportedFileError(f"{where}: {value:g} points cannot be")
    return value


def _symbols(state: _State) -> list[Written]:
    chosen = [_parts(segment) for segment in state.segments]
    counted = _counted(state, chosen)
    ends = [*(segment.begin for segment in state.segments), len(state.components)][1:]
    symbols = []
    for segment, parts, end in zip(state.segments, chosen, ends, strict=True):
        most = max((part.component for part in parts), default=0)
        if parts and most >= len(counted):
            raise ImportedFileError(f"{segment.line}: names component {most}, and there are {len(counted)}")
        used = [(counted[part.component], part) for part in parts]
        used = used or [(component, _Part(0)) for component in state.components[segment.begin : end]]
        rows = [component.rows[part.first : part.end] for component, part in used if component.down]
        strokes = [_stroke(some, state, segment.line) for some in rows if some]
        if not strokes:
            raise ImportedFileError(f"{segment.line}: the pen was never down in {segment.character!r}")
        symbols.append(Written(strokes, segment.writer, segment.character, state.per_mm.get("X", 0.0)))
    return symbols


def _counted(state: _State, chosen: list[list[_Part]]) -> list[_Component]:
    """Return what the file counts: .PEN_DOWN alone if a symbol would begin with the pen up."""
    begins = [parts[0].component for parts in chosen if parts]
    if all(state.components[begin].down for begin in begins if begin < len(state.components)):
        return state.components
    return [component for component in state.components if component.down]


def _parts(segment: _Segment) -> list[_Part]:
    """Return the parts that a delineation such as `0-2,4` or `0:31-1:7` means; none for `?`."""
    parts: list[_Part] = []
    for text in segment.parts.split(",") if segment.parts != "?" else ():
        found = _RANGE.match(text)
        if found is None:
            raise ImportedFileError(f"{segment.line}: {segment.parts[:40]!r} names no components")
        first, last = int(found[1]), int(found[3] or found[1])
        if not first <= last < first + _LONGEST:
            raise ImportedFileError(f"{segment.line}: {text[:40]!r} is no range of components")
        some = [_Part(component) for component in range(first, last + 1)]
        some[0] = replace(some[0], first=int(found[2] or 0))
        some[-1] = replace(some[-1], end=int(found[4]) + 1 if found[4] else None)
        parts += some
    return parts


def _stroke(rows: list[list[float]], state: _State, where: str) -> NDArray[np.float64]:
    x_per_mm = state.per_mm.get("X", 1.0)
    stretch = x_per_mm / state.per_mm.get("Y", x_per_mm)
    return np.asarray(finite(rows, where) * np.array([1.0, -stretch]))
