"""A finished demo -> one HTML page: every word and its decision, and the bundle's figures."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.decision.identify import Policy
from train.demo.outcome import Result, worst_first

if TYPE_CHECKING:
    from edge.bundle.manifest import Manifest
    from edge.decision.calibration import Calibration

_LENGTHS = (4, 6, 8, 12, 20)
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d8dde4; --soft: #5b6472; --bad: #b42318;
  --good: #17803d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181f; --line: #333b47; --soft: #9aa4b2;
  --bad: #ff8a7a; --good: #6fd08c } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--paper) }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; min-width: 100% }
td, th { padding: .3rem .7rem; text-align: left; vertical-align: middle; white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
td.why { white-space: normal; min-width: 16rem; color: var(--soft) } tr { border-bottom: 1px solid var(--line) }
img { height: 33px; image-rendering: pixelated; display: block; border: 1px solid var(--line) }
.false { color: var(--bad); font-weight: bold } .right { color: var(--good) } .soft { color: var(--soft) }
"""


def make_page(about: Mapping[str, Any], manifest: Manifest, results: Sequence[Result], *, pictures: bool) -> str:
    """Return the page as HTML that needs no other file.

    about: what `inkgate demo --json` says, without its words. pictures: whether the words are shown; a picture of what
    a person wrote is biometric.
    """
    wrong = sum(result.outcome.false for result in results)
    parts = [
        "<h1>inkgate: enrolled by five writings</h1>",
        f"<p>{about['users']} writers of <code>{html.escape(about['dataset'])}</code> (input: {about['kind']}) wrote a "
        f"PIN of {about['digits']} digits {_writings(about)} times each {_enrolment(about)}; nothing was trained. "
        f"Bundle <code>{about['bundle_sha256'][:12]}</code>. {len(results)} words came to the gate over a virtual "
        f"board's serial line, {wrong} decisions were false.</p>",
        "<h2>Every word, false decisions first</h2>",
        _table(_HEAD, [_row(result, pictures) for result in worst_first(results)]),
        "<h2>What the bundle says of its errors</h2>",
        *[_figures(kind, found) for kind, found in sorted(manifest.inputs.items())],
        "<h2>Is it the network that was validated?</h2>",
        _proof(about["verify"]),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>inkgate demo</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"


_HEAD = ("who", "as sent", "outcome", "verdict", "score", "threshold", "why")
_NUMBERS = ("score", "threshold")


def _row(result: Result, pictures: bool) -> list[str]:
    decision = result.decision or {}
    role, who = result.attempt.role.value, html.escape(result.attempt.who)
    user = f" {html.escape(decision['user'])}" if decision.get("user") else ""
    return [
        f'<td>{who}<br><span class="soft">{role}{_whose(result)}</span></td>',
        f"<td>{_sent(result.attempt.word.fragments, pictures)}</td>",
        f'<td class="{"false" if result.outcome.false else "right"}">{result.outcome.words}</td>',
        f"<td>{decision.get('decision', '-')}{user}</td>",
        *(f'<td class="number">{_number(decision.get(name))}</td>' for name in _NUMBERS),
        f'<td class="why">{html.escape(decision.get("reason") or "")}</td>',
    ]


def _whose(result: Result) -> str:
    """Say whose PIN a stranger wrote."""
    attempt = result.attempt
    return f" of {html.escape(attempt.user)}" if attempt.user and attempt.user != attempt.who else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    names = "".join(f'<th class="number">{name}</th>' if name in _NUMBERS else f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{names}</tr>{body}</table></div>'


def _writings(about: Mapping[str, Any]) -> str:
    """Return how many writings users were enrolled from."""
    found = sorted({person["writings"] for person in about["enrolled"]})
    return " to ".join(str(number) for number in found[:: max(1, len(found) - 1)])


def _enrolment(about: Mapping[str, Any]) -> str:
    ways = {person["by"] for person in about["enrolled"]}
    from_file = f"from a file, because no board says that its input is {about['kind']}"
    return from_file if ways == {"file"} else "at the board"


def _figures(kind: str, found: Any) -> str:
    """Describe what is known of one kind of input: found is an edge.decision.evidence_model.Input."""
    policy = Policy()
    ways = (
        ("any text", found.any_text, policy.far),
        ("a PIN", found.pin, policy.pin_far),
        ("a device not seen before", found.unknown_device, policy.far),
    )
    rows = [_calibration(way, calibration, far, symbols) for way, calibration, far in ways for symbols in _LENGTHS]
    head = ("words of", "symbols", "FAR set", "threshold", "C_llr", "least C_llr", "trials", "people")
    sources = html.escape(", ".join(found.sources))
    return f'<h3>Input: {html.escape(kind)}</h3><p class="soft">From {sources}.</p>{_table(head, rows)}'


def _calibration(way: str, calibration: Calibration, far: float, symbols: int) -> list[str]:
    cells = [
        f"{symbols}",
        f"{100 * far:g} %",
        f"{calibration.threshold(far, symbols):.2f}",
        f"{calibration.cllr[symbols - 1]:.3f}",
        f"{calibration.cllr_min[symbols - 1]:.3f}",
        f"{calibration.trials:,}",
        f"{calibration.writers:,}",
    ]
    return [f"<td>{way}</td>", *(f'<td class="number">{cell}</td>' for cell in cells)]


def _proof(verify: Mapping[str, Any]) -> str:
    sound = "right" if verify["passed"] else "false"
    return (
        f"<p>{verify['values']:,} values of tensors and outputs, in {verify['words']} words, compared with the "
        f'fixed-point reference: <b class="{sound}">{verify["mismatches"]} differ</b>. The journal of the decisions '
        "verifies.</p>"
    )


def _sent(word: NDArray[np.uint8], pictures: bool) -> str:
    """Return a word as it was sent, as a picture or as the number of its symbols."""
    return _picture(word) if pictures else f"{len(word)} symbols; shown with --pictures"


def _picture(word: NDArray[np.uint8]) -> str:
    """Return fragments uint8 [T, 33, 33] side by side, ink black on white, as a picture inside the page."""
    stored = io.BytesIO()
    Image.fromarray(255 - np.concatenate(list(word), axis=1)).save(stored, format="PNG")
    url = "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()
    return f'<img alt="{len(word)} symbols" src="{url}">'
