"""The measurements of readers -> one HTML page: by symbol, what is taken for what, how sure."""

from __future__ import annotations

import html
from collections.abc import Sequence

from train.reader.evaluate import Evaluation, ReaderFigures
from train.reader.measure import Measurement

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
td, th { padding: .2rem .55rem; text-align: right; border-bottom: 1px solid #8884 }
td:first-child, th:first-child { text-align: left }
td.wrong { background: rgb(214 69 65 / var(--share)) } td.right { color: #2f855a }
svg { width: 20rem; max-width: 100% } figure { margin: 1rem 0 } small { color: #808890 }
"""
_SIDE, _MARGIN = 200, 30


def make_page(evaluation: Evaluation) -> str:
    """Return the page, which needs no other file."""
    readers = evaluation.readers
    sets = list(dict.fromkeys(found.set for reader in readers for found in reader.sets))
    parts = [
        "<h1>Readers of symbols, in int8</h1>",
        f"<p>{html.escape(evaluation.created)}</p>",
        _summary(readers, sets),
    ]
    for name in sets:
        beside = [(reader, found) for reader in readers for found in reader.sets if found.set == name]
        parts += [f"<h2>{html.escape(name)}</h2>", _by_symbol(beside)]
        parts += [_details(reader, found) for reader, found in beside]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f"{head}<title>inkgate: readers</title><style>{_STYLE}</style>{''.join(parts)}</html>\n"


def _summary(readers: Sequence[ReaderFigures], sets: Sequence[str]) -> str:
    """Return the table of the readers: size, work, time, accuracy on every set."""
    rows = [["reader", "network", "bytes", "weights", "multiply-accumulates", "µs a fragment", *sets]]
    for reader in readers:
        found = {measured.set: measured for measured in reader.sets}
        numbers = [f"{n:,}" for n in (reader.bytes, reader.weights, reader.macs)]
        shares = [_share(found[name].right, found[name].fragments) if name in found else "-" for name in sets]
        rows.append([reader.name, reader.network, *numbers, f"{reader.microseconds:g}", *shares])
    kernels = ", ".join(sorted({f"{reader.runtime}, {reader.kernels}, one thread" for reader in readers}))
    return f"{_table(rows)}<p><small>Time: median, {html.escape(kernels)}.</small></p>"


def _by_symbol(beside: Sequence[tuple[ReaderFigures, Measurement]]) -> str:
    """Return the table of accuracies by symbol, a column for each reader."""
    rows = [["symbol", "fragments", *(reader.name for reader, _ in beside)]]
    first = beside[0][1]
    for symbol, (_, count) in first.by_symbol.items():
        rows.append([symbol, f"{count:,}", *(_share(*found.by_symbol[symbol]) for _, found in beside)])
    rows.append(["all", f"{first.fragments:,}", *(_share(found.right, found.fragments) for _, found in beside)])
    return _table(rows)


def _details(reader: ReaderFigures, found: Measurement) -> str:
    wrong = found.fragments - found.right
    float_wrong = reader.float_right.get(found.set)
    beside = "" if float_wrong is None else f" (float {found.fragments - float_wrong:,})"
    return (
        f"<h3>{html.escape(reader.name)}</h3><p>{wrong:,} of {found.fragments:,} read wrongly{beside}; temperature "
        f"{reader.temperature:g}, expected calibration error {100 * found.ece:.2f} %, mean -ln p {found.nll:.4f}.</p>"
        f"{_confusion(reader.alphabet, found.confusion)}{_reliability(found)}"
    )


def _confusion(alphabet: str, confusion: Sequence[Sequence[int]]) -> str:
    """Return the table: rows what was written, columns what was read, redder the more often."""
    head = "".join(f"<th>{html.escape(symbol)}</th>" for symbol in alphabet)
    rows = []
    for place, (symbol, row) in enumerate(zip(alphabet, confusion, strict=True)):
        cells = "".join(_cell(count, sum(row), column == place) for column, count in enumerate(row))
        rows.append(f"<tr><th>{html.escape(symbol)}</th>{cells}</tr>")
    return f"<table><tr><th>written \\ read</th>{head}</tr>{''.join(rows)}</table>"


def _cell(count: int, written: int, right: bool) -> str:
    if right:
        return f'<td class="right">{count}</td>'
    share = min(1.0, 0.15 + 10 * count / max(written, 1))
    return f'<td class="wrong" style="--share:{share:.2f}">{count}</td>' if count else "<td></td>"


def _reliability(found: Measurement) -> str:
    """Return the plot of the share of right readings against their probability, as SVG."""

    def place(x: float, y: float) -> str:
        return f"{_MARGIN + _SIDE * x:.1f},{5 + _SIDE * (1 - y):.1f}"

    dots = []
    for b in found.bins:
        x, y = place(b.probability, b.right).split(",")
        radius = 2 + 6 * (b.fragments / found.fragments) ** 0.25
        dots.append(f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="#2b6cb0" fill-opacity=".6"/>')
    line = f'<polyline points="{place(0, 0)} {place(1, 1)}" stroke="currentColor" stroke-opacity=".4"/>'
    frame = f'<rect x="{_MARGIN}" y="5" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="currentColor"/>'
    words = (
        f'<text x="{_MARGIN}" y="{_SIDE + 22}" font-size="11" fill="currentColor">probability given, 0 to 1</text>'
        f'<text transform="translate(20,{_SIDE}) rotate(-90)" font-size="11" fill="currentColor">share right</text>'
    )
    box = f"0 0 {_SIDE + _MARGIN + 12} {_SIDE + 28}"
    return f'<figure><svg viewBox="{box}" role="img">{frame}{line}{"".join(dots)}{words}</svg></figure>'


def _share(right: int, count: int) -> str:
    return f"{100 * right / count:.2f} %" if count else "-"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in body]
    return (
        f"<table><tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in head)}</tr>"
        f"{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    )
