"""Rows and numbers -> tables and percentages of report.html, and its style sheet."""

from collections.abc import Sequence
from html import escape

STYLE = """
:root { --ink: #17212e; --soft: #5b6676; --line: #dde3ea; --tint: #f5f7fa; --blue: #2456a6; --green: #13713a;
  --red: #b3261e; --amber: #8a5a00 }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--ink); max-width: 66rem;
  margin: 0 auto; padding: 1.5rem 1.5rem 3rem; background: #fff }
h1 { font-size: 2rem; line-height: 1.1; margin: 0 } h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem }
h2 span { display: inline-block; min-width: 1.8rem; color: var(--soft); font-weight: 400 }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem }
p { max-width: 50rem; margin: .5rem 0 } small { color: var(--soft); font-size: .82em }
code, pre { font: .86em/1.4 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--tint);
  border-radius: 4px }
code { padding: .1em .35em; overflow-wrap: anywhere } pre { padding: .7rem 1rem; overflow-x: auto }
.kind { text-transform: uppercase; letter-spacing: .09em; font-size: .78rem; color: var(--soft);
  margin: 0 0 .6rem }
.verdict { border-left: 8px solid; border-radius: 6px; padding: 1rem 1.3rem; margin-bottom: 1.2rem }
.verdict p { margin: .35rem 0 0; color: var(--ink); font-size: 1.08rem } .verdict ul { margin: .5rem 0 0;
  color: var(--ink) }
.verdict.passed { background: #edf7f0 } .verdict.failed { background: #fdeeed; font-weight: 400 }
.passed { color: var(--green) } .failed { color: var(--red); font-weight: 600 } .open { color: var(--amber) }
.notes { color: var(--amber); margin: .8rem 0 } nav { margin: 1.4rem 0 0; display: flex; flex-wrap: wrap;
  gap: .3rem 1rem }
a { color: var(--blue); text-decoration: none } nav a { font-size: .9rem }
a:hover { text-decoration: underline }
.wide { overflow-x: auto; margin: .9rem 0 } table { border-collapse: collapse; width: 100%; font-size: .87rem }
th, td { padding: .34rem .6rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums }
th { font-weight: 600; color: var(--soft); text-align: right; vertical-align: bottom;
  border-bottom-color: #aab4c0 }
th:first-child, td:first-child, th.left, td.left, .facts td, .facts th { text-align: left }
.rules th, .rules td { text-align: left } .rules td.differs { background: #eaf1fb }
.rules td.same { color: #3d4857 }
.rules td.failed { background: #fdeeed } .rules td:first-child { white-space: nowrap }
.facts th { width: 9rem; white-space: nowrap; vertical-align: top; border-bottom-color: var(--line) }
td:not(.left), td.tight, .tensors td:first-child { white-space: nowrap }
.facts td, .rules td, .tensors td.failed:first-child { white-space: normal }
.tensors td.left { overflow-wrap: anywhere }
.tensors td, .tensors th { padding: .25rem .45rem }
.tag, .pill { font-size: .74rem; border-radius: 9px; padding: .08rem .5rem; white-space: nowrap }
.tag { background: #eaf1fb; color: var(--blue) } .pill.passed { background: #d9efe0 }
.pill.failed { background: #f9d4d1 }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem }
summary { cursor: pointer; color: var(--blue); font-size: .9rem }
svg { max-width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif; overflow: visible }
svg text { fill: var(--ink) } svg .label { text-anchor: end } svg .tick { text-anchor: middle;
  fill: var(--soft); font-size: 11px }
svg .bar { fill: #6f94cc } svg .weight { fill: #8f9bab } svg .state { fill: #5fa58a } svg .end { fill: #c2553f }
svg .worst { fill: #c2553f } svg .grid { stroke: var(--line) } svg .axis { stroke: #aab4c0 }
svg .alone { stroke: #17212e; stroke-width: 2 } svg .limit { stroke: #c98a1b; stroke-width: 2 }
svg .threshold { stroke: #17212e; stroke-dasharray: 3 3 } svg .move { stroke: #aab4c0 }
svg .before { fill: #fff; stroke: var(--soft) }
svg .after { fill: var(--blue) } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin: 0 .35em 0 .9em }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(192px, 1fr)); gap: 1.1rem 1.2rem;
  margin: 1rem 0 }
figure { margin: 0; break-inside: avoid } figcaption { font-size: .78rem; line-height: 1.3;
  overflow-wrap: anywhere }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .82rem }
@media print { @page { margin: 14mm } body { padding: 0; font-size: 10.5pt; max-width: none }
nav { display: none }
  section, tr, .verdict { break-inside: auto } tr, svg, figure { break-inside: avoid }
h2, h3 { break-after: avoid }
  .wide { overflow: visible } * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  details::details-content { content-visibility: visible; block-size: auto } }
"""


def table(heads: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    """Return an HTML table of rows of markup under headings of plain text.

    A heading that begins with "<" is aligned left, without that character. kind: class in the style sheet.
    """
    titles = "".join(
        f'<th class="left">{escape(head[1:])}</th>' if head.startswith("<") else f"<th>{escape(head)}</th>"
        for head in heads
    )
    body = f"<thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table class="{kind}">{body}</table></div>'


def percent(share: float, digits: int = 2) -> str:
    """Return a share as text in per cent: 0.0123 gives "1.23 %"."""
    return f"{100 * share:.{digits}f} %"
