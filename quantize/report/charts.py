"""Numbers -> small charts as inline SVG, without a plotting library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LABEL, VALUE, BAR, ROW = 190, 70, 500, 22
"""Widths of a bar chart's label, value and bar, and the height of a row, in pixels of the drawing."""


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart.

    text: written behind the bar. kind: class in the style sheet. marks: (value, class in the style sheet).
    """

    label: str
    value: float
    text: str
    kind: str = "bar"
    marks: tuple[tuple[float, str], ...] = ()


def draw_bars(rows: Sequence[Bar], most: float, title: str, ticks: Sequence[tuple[float, str]] = ()) -> str:
    """Draw horizontal bars from 0 to `most`, one below the other, and a line at each tick (value, text).

    A row's text stands behind its bar, or behind the longest possible bar if any row has marks.
    """
    foot = 18 if ticks else 0
    bottom, height = ROW * len(rows), ROW * len(rows) + foot
    parts = [_upright("grid", _x(value, most), 0, bottom) for value, _ in ticks]
    marked = any(row.marks for row in rows)
    for number, row in enumerate(rows):
        y = number * ROW
        length = BAR * min(max(row.value / most, 0.0), 1.0)
        parts.append(f'<text class="label" x="{LABEL - 8}" y="{y + 15}">{escape(row.label)}</text>')
        parts.append(f'<rect class="{row.kind}" x="{LABEL}" y="{y + 4}" width="{length:.1f}" height="{ROW - 8}"/>')
        parts += [_upright(kind, _x(value, most), y + 2, y + 20) for value, kind in row.marks]
        after = LABEL + (BAR if marked else length) + 8
        parts.append(f'<text x="{after:.1f}" y="{y + 15}">{escape(row.text)}</text>')
    parts += [f'<text class="tick" x="{_x(value, most)}" y="{height - 3}">{text}</text>' for value, text in ticks]
    return _svg(LABEL + BAR + VALUE, height, title, parts)


def draw_histogram(counts: Sequence[int], title: str, width: int = 192, height: int = 56) -> str:
    """Draw bars side by side, one for each count.

    Heights grow with the square root of the count, so that few values far out are seen too.
    """
    most, step = max([*counts, 1]) ** 0.5, width / len(counts)
    parts = [f'<line class="axis" x1="0" x2="{width}" y1="{height}" y2="{height}"/>']
    for place, count in enumerate(counts):
        if count:
            tall = max(1.0, count**0.5 / most * (height - 2))
            at = f'x="{place * step:.1f}" y="{height - tall:.1f}" width="{step - 0.6:.1f}" height="{tall:.1f}"'
            parts.append(f'<rect class="{"end" if place in (0, len(counts) - 1) else "bar"}" {at}/>')
    return _svg(width, height, title, parts)


def draw_pairs(pairs: Sequence[tuple[float, float]], reach: float, title: str, sides: tuple[str, str]) -> str:
    """Draw each pair (before, after) as two dots on a line of its own, from -reach to reach.

    sides: what is written on the left and on the right.
    """
    width, row, head = 560, 10, 20
    height = row * len(pairs) + head

    def x(value: float) -> float:
        return width / 2 * (1 + min(max(value / reach, -1.0), 1.0) * 0.97)

    parts = [
        f'<text class="tick" x="{width / 4}" y="12">{escape(sides[0])}</text>',
        f'<text class="tick" x="{width * 3 / 4}" y="12">{escape(sides[1])}</text>',
        _upright("threshold", f"{width / 2}", 0, height),
    ]
    for number, (before, after) in enumerate(pairs):
        y = number * row + head + 4
        parts.append(f'<line class="move" x1="{x(before):.1f}" x2="{x(after):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="before" cx="{x(before):.1f}" cy="{y}" r="2.6"/>')
        parts.append(f'<circle class="after" cx="{x(after):.1f}" cy="{y}" r="3"/>')
    return _svg(width, height, title, parts)


def _upright(kind: str, x: str, top: int, bottom: int) -> str:
    return f'<line class="{kind}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'


def _x(value: float, most: float) -> str:
    return f"{LABEL + BAR * min(max(value / most, 0.0), 1.0):.1f}"


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )
