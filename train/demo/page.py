"""A finished demo -> one HTML page: the words as written, the growing evidence, the error rates."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from edge.bundle.bundle import Bundle
from edge.bundle.run_directory import Run
from edge.bundle.run_files import METRICS, TEST
from train.trained_run import plan_of

if TYPE_CHECKING:
    from train.demo.outcome import Result

_SHOWN_WORDS = 16
_LENGTHS = ("1", "2", "4", "8", "12", "16", "20")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .7rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #d8dde4 }
img.word { height: 33px; image-rendering: pixelated; vertical-align: middle }
.right { color: #17803d } .wrong { color: #b42318; font-weight: bold } .refused { color: #5b6472 }
.unavailable { color: #b42318 } .pictures { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
svg { width: 100%; height: auto } code { background: #f2f4f7; padding: .1rem .3rem; border-radius: 3px }
"""


def write_page(out: Path, run: Path, bundle: Path, results: Sequence[Result]) -> Path:
    """Write out/report.html, which needs no other file, and return its path."""
    opened, trained = Bundle.open(bundle), Run.open(run)
    metrics = json.loads((out / "evaluation" / METRICS).read_text())
    verification = json.loads((bundle / "verify.json").read_text())
    test = trained.fragments(TEST)
    words = [_as_url(test.pixels[np.asarray(result.word.fragments)]) for result in results[:_SHOWN_WORDS]]
    plots = "".join(_inline((out / "evaluation" / name).read_text()) for name in ("det.svg", "eer.svg"))
    parts = [
        "<h1>inkgate: from handwriting to a decision</h1>",
        f"<p>{len(opened.manifest.users)} users of <code>{html.escape(trained.config.dataset)}</code> enrolled; int8 "
        f"model of {len(opened.contents['model.tflite']):,} bytes, {plan_of(trained).parameters:,} parameters, on "
        f"{html.escape(metrics['runtime'])}, kernels {html.escape(metrics['kernels'])}.</p>",
        "<h2>What the edge decided</h2>",
        _decisions(results, words),
        "<h2>How the evidence grew</h2>",
        _evidence(results, opened),
        "<h2>How often it errs</h2>",
        _rates(metrics),
        f'<div class="pictures">{plots}</div>',
        "<h2>Is it the model that was validated?</h2>",
        f"<p>{verification['values']:,} values of every tensor and state compared with the fixed-point reference: "
        f"<b>{verification['mismatches']}</b> mismatches. int8 against float moves the equal error rate by "
        f"{verification['decisions']['eer_shift_points'] or 0:+.2f} percentage points.</p>",
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>inkgate</title><style>{_STYLE}</style>'
    path = out / "report.html"
    path.write_text(f"{head}{''.join(parts)}</html>\n")
    return path


def _decisions(results: Sequence[Result], words: Sequence[str]) -> str:
    rows = []
    for result, picture in zip(results, words, strict=False):
        who = html.escape(result.word.writer) + ("" if result.word.enrolled else " (stranger)")
        verdict = result.final["decision"] + (f" {html.escape(result.final['user'])}" if result.final["user"] else "")
        score = "-" if result.final["score"] is None else f"{result.final['score']:.2f}"
        rows.append(
            f'<tr><td>{who}</td><td><img class="word" alt="{len(result.running)} fragments" src="{picture}"></td>'
            f'<td>{score}</td><td class="{result.kind}">{verdict}</td></tr>'
        )
    return f"<table><tr><th>writer</th><th>as sent</th><th>score</th><th>decision</th></tr>{''.join(rows)}</table>"


def _evidence(results: Sequence[Result], bundle: Bundle) -> str:
    """Plot the scores of all words by number of symbols, with the threshold; return inline SVG.

    Users and strangers have different colours.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    longest = 1
    for result in results:
        scores = [decision["score"] for decision in result.running if decision["score"] is not None]
        longest = max(longest, len(scores))
        colour = "tab:blue" if result.word.enrolled else "tab:red"
        axes.plot(range(1, len(scores) + 1), scores, color=colour, alpha=0.45, linewidth=1)
    thresholds = bundle.thresholds
    long_enough = np.arange(thresholds.min_symbols, longest + 1)
    axes.plot(long_enough, thresholds.at(long_enough)[0], color="black", label="accepted from here on")
    axes.plot([], [], color="tab:blue", label="enrolled users")
    axes.plot([], [], color="tab:red", label="strangers")
    axes.set(xlabel="symbols written", ylabel="score of the best user")
    axes.legend(frameon=False)
    picture = io.StringIO()
    figure.savefig(picture, format="svg", metadata={"Date": None})
    return _inline(picture.getvalue())


def _inline(svg: str) -> str:
    """Strip a picture of its XML declaration and document type, which have no place inside a page."""
    return svg[svg.index("<svg") :]


def _rates(metrics: dict[str, Any]) -> str:
    columns = {
        "EER, strangers": metrics["eer"],
        "EER, other users": metrics["eer_other_users"],
        "rank-1": metrics["rank1"],
        "gate FAR": metrics["gate"]["far"],
        "gate FRR": metrics["gate"]["frr"],
    }
    head = "".join(f"<th>{name}</th>" for name in ("symbols", *columns))
    rows = [
        f"<tr><td>{symbols}</td>"
        + "".join(f"<td>{table[symbols]['value']:.1f} %</td>" if table else "<td>-</td>" for table in columns.values())
        + "</tr>"
        for symbols in _LENGTHS
    ]
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _as_url(word: NDArray[np.uint8]) -> str:
    """Return fragments uint8 [T, 33, 33] side by side, ink black on white, as a PNG in a data URL."""
    stored = io.BytesIO()
    Image.fromarray(255 - np.concatenate(list(word), axis=1)).save(stored, format="PNG")
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()
