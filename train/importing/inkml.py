"""InkML files (W3C Recommendation 2011) -> symbols as strokes."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from train.errors import ImportedFileError
from train.importing.reading import files_of, finite, read_bytes
from train.importing.written import Written

Element = ElementTree.Element

_ID = "{http://www.w3.org/XML/1998/namespace}id"
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "himetric": 0.01}
_VALUE = re.compile(r"""\s*([!'"]?)\s*(\*|\?|[TF]|#[0-9A-Fa-f]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)""")
_CHARACTER = ("truth", "label", "transcription")


def read_inkml(source: Path, writer: str | None = None) -> list[Written]:
    """Return the symbols of an InkML file, or of all .inkml and .xml files in a folder.

    A symbol is a traceGroup, or a whole file, whose annotation `truth` or `label` is one character; its traces lie in
    it or are named by traceView. y points downwards unless the channel's orientation is -ve. The writer is the
    annotation `writer` of the group or the file, else `writer`, else the file's name. Raises ImportedFileError; a
    document type, whose entities could grow without bound, is refused.
    """
    symbols = [symbol for path in files_of(source, (".inkml", ".xml")) for symbol in _read(path, writer)]
    if not symbols:
        raise ImportedFileError(f"{source}: no trace group is labelled with one character (annotation type `truth`)")
    return symbols


def parse_xml(raw: bytes, path: Path) -> Element:
    """Return the root of an XML document, names without their namespaces.

    ImportedFileError if it is not well-formed or has a document type.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")

    def refuse(*_: object) -> None:
        raise ImportedFileError(f"{path}: has a document type (<!DOCTYPE>), which is not read; remove it")

    def plain(name: str) -> str:
        return _ID if name == _ID.lstrip("{") else name.rpartition("}")[2]

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: builder.start(
        plain(name), {plain(key): value for key, value in attributes.items()}
    )
    parser.EndElementHandler = lambda name: builder.end(plain(name))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(raw, True)
        return builder.close()
    except (expat.ExpatError, ValueError, AssertionError) as error:
        raise ImportedFileError(f"{path}: not well-formed XML ({error})") from error


def _read(path: Path, writer: str | None) -> list[Written]:
    root = parse_xml(read_bytes(path), path)
    if root.tag != "ink":
        raise ImportedFileError(f"{path}: the document is <{root.tag[:40]}>, not <ink>")
    default = _annotation(root, ("writer",)) or writer or path.stem
    channels, per_mm = _channels(root, path)
    traces = {trace.get(_ID, ""): trace for trace in root.iter("trace")}
    labelled = [group for group in root.iter("traceGroup") if len(_annotation(group, _CHARACTER)) == 1]
    whole = [root] if not labelled and len(_annotation(root, _CHARACTER)) == 1 else []
    symbols = []
    for group in [*labelled, *whole]:
        strokes = [_points(trace, channels, path) for trace in _traces(group, traces, path)]
        strokes = [stroke for stroke in strokes if len(stroke)]
        if not strokes:
            raise ImportedFileError(f"{path}: the group of {_annotation(group, _CHARACTER)!r} has no trace")
        name = _annotation(group, ("writer",)) or default
        symbols.append(Written(strokes, name, _annotation(group, _CHARACTER), per_mm))
    return symbols


def _annotation(element: Element, kinds: tuple[str, ...]) -> str:
    for note in element.findall("annotation"):
        if note.get("type", "").lower() in kinds and note.text:
            return note.text.strip()
    return ""


def _traces(group: Element, traces: dict[str, Element], path: Path) -> list[Element]:
    """Return the traces in a group and those that its views name, without those of a pen that is up."""
    found = list(group.iter("trace"))
    for view in group.iter("traceView"):
        name = view.get("traceDataRef", "").lstrip("#")
        if name not in traces:
            raise ImportedFileError(f"{path}: a traceView names trace {name[:40]!r}, which is not there")
        found.append(traces[name])
    return [trace for trace in found if trace.get("type", "penDown") != "penUp"]


def _channels(root: Element, path: Path) -> tuple[list[tuple[str, float]], float]:
    """Return the channels, each with the sign that makes it point right or down, and units a mm."""
    formats = list(root.iter("traceFormat"))
    listed = [channel for form in formats[:1] for channel in form.iter("channel")]
    if not listed:
        return [("X", 1.0), ("Y", 1.0)], 0.0
    channels = [(one.get("name", ""), -1.0 if one.get("orientation") == "-ve" else 1.0) for one in listed]
    names = [name for name, _ in channels]
    if "X" not in names or "Y" not in names:
        raise ImportedFileError(f"{path}: its traceFormat has no channels X and Y")
    mm = _MM.get(listed[names.index("X")].get("units", ""), 0.0)
    return channels, 1 / mm if mm else 0.0


def _points(trace: Element, channels: list[tuple[str, float]], path: Path) -> NDArray[np.float64]:
    """Return the places [n, 2] of a trace."""
    names = [name for name, _ in channels]
    columns = names.index("X"), names.index("Y")
    values = [0.0] * len(channels)
    speeds = [0.0] * len(channels)
    ways = ["!"] * len(channels)
    rows = []
    for text in filter(str.strip, (trace.text or "").split(",")):
        given = _values(text, path)
        if len(given) <= max(columns) or len(given) > len(channels):
            raise ImportedFileError(f"{path}: a point {text.strip()[:40]!r} has {len(given)} of {len(channels)} values")
        for place, (way, value) in enumerate(given):
            ways[place] = way or ways[place]
            if value is None:
                continue
            speeds[place] = {"!": value - values[place], "'": value, '"': speeds[place] + value}[ways[place]]
            values[place] += speeds[place]
        rows.append([values[column] * channels[column][1] for column in columns])
    return finite(rows, str(path))


def _values(text: str, path: Path) -> list[tuple[str, float | None]]:
    """Return the values of a point: how each is given ("" as before), and the number (None: kept)."""
    found: list[tuple[str, float | None]] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        value = _VALUE.match(text, place)
        if value is None:
            raise ImportedFileError(f"{path}: {text.strip()[:40]!r} is no point of a trace")
        place = value.end()
        number = value[2]
        if number[0] in "*?TF":
            found.append((value[1], None))
        else:
            found.append((value[1], float(int(number[1:], 16)) if number[0] == "#" else float(number)))
    return found
