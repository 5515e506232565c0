"""Error rates and losses of a run -> pictures (SVG) and a model card (Markdown)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edge.bundle.run_directory import Run
from edge.bundle.run_files import HISTORY
from edge.decision.error_rates import Curve
from train.trained_run import FAR_SCOPE, plan_of

DET_LENGTHS = (1, 2, 4, 8, 12, 20)
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_LENGTHS_IN_CARD = (1, 4, 8, 12, 20)


def plot_det(curves: Mapping[int, Curve], path: Path) -> None:
    """Plot FAR against FRR on normal-deviate axes, one line for each number of symbols."""
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for symbols, points in curves.items():
        # A curve's ends lie at 0 and 1, which a normal deviate puts at infinity.
        far, frr = (np.clip(rates, 2e-4, 0.9) for rates in (points.far, points.frr))
        axes.plot(deviates(far), deviates(frr), label=f"{symbols} symbol{'s' if symbols > 1 else ''}")
    mark_rates(axes)
    axes.set(xlabel="FAR, strangers [%]", ylabel="FRR [%]", title="DET by number of symbols")
    axes.legend(frameon=False)
    save_picture(figure, path)


def plot_eer(metrics: Mapping[str, Any], path: Path) -> None:
    """Plot the EER by number of symbols with 95 % bounds: strangers, other users, no name claimed."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for key, label in (
        ("eer", "strangers"),
        ("eer_other_users", "other users"),
        ("identification_eer", "no name claimed"),
    ):
        table = metrics[key]
        if table:
            symbols = [int(t) for t in table]
            axes.plot(symbols, [b["value"] for b in table.values()], marker=".", label=label)
            axes.fill_between(
                symbols, [b["low"] for b in table.values()], [b["high"] for b in table.values()], alpha=0.15
            )
    axes.set(xlabel="symbols written", ylabel="EER [%]", ylim=(0, None), title="Equal error rate, 95 % bounds")
    axes.set_xticks([1, 4, 8, 12, 16, 20])
    axes.grid(color="0.92")
    axes.legend(frameon=False)
    save_picture(figure, path)


def plot_losses(history: Sequence[tuple[int, float]], path: Path) -> None:
    """Plot the training loss by step."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([step for step, _ in history], [loss for _, loss in history])
    axes.set(xlabel="step", ylabel="cross-entropy", title="Enrolment", yscale="log")
    axes.grid(color="0.92")
    save_picture(figure, path)


def write_report(folder: Path, run: Run | None, metrics: Mapping[str, Any], curves: Mapping[int, Curve]) -> list[Path]:
    """Write pictures and card.md into `folder`; return their paths.

    The picture of the losses is drawn only if the run is given and has them.
    """
    pictures = [folder / "det.svg", folder / "eer.svg"]
    plot_det(curves, pictures[0])
    plot_eer(metrics, pictures[1])
    if run is not None and (run.path / HISTORY).is_file():
        pictures.append(folder / "losses.svg")
        plot_losses(json.loads((run.path / HISTORY).read_text()), pictures[2])
    card = folder / "card.md"
    card.write_text(model_card(run, metrics, pictures))
    return [*pictures, card]


def model_card(run: Run | None, metrics: Mapping[str, Any], pictures: Sequence[Path]) -> str:
    """Return the card: what the model is, what it was made from, its error rates and their limits."""
    trials = metrics["trials"]
    sections = [
        "# Model card",
        "Decides who wrote a word, fragment by fragment: one of "
        f"{metrics['users']} enrolled users, or a stranger. CNN-LSTM, {metrics['arithmetic']} "
        f"({metrics['runtime']}, kernels {metrics['kernels']}).",
    ]
    if run is not None or metrics.get("bundle"):
        sections.append(_origin(run, metrics))
    sections += [
        "## Error rates",
        f"Per cent, means over {metrics['draws']} draw(s) of users, with 95 % bounds by bootstrap over writers: "
        f"{trials['genuine_words']} genuine words by {trials['users']} users, {trials['stranger_words']} words by "
        f"{trials['strangers']} strangers never seen in training, of which "
        f"{trials['independent_stranger_words']['8']} of 8 symbols share no fragment. No FAR below 3/n is quoted.",
        _table(metrics),
        "`gate` is what `inkgate run` does, at the thresholds that development writers fixed for a FAR of "
        f"{metrics['gate']['thresholds_far']:g} %: nobody claims a name, a stranger may pass as anyone. "
        f"It refuses every word of fewer than {metrics['gate']['min_symbols']} symbols.{_shut(metrics)}",
        "## Limits",
        f"- {FAR_SCOPE}.{_strangers(run)}",
        "- Every writer's fragments come from one session: how handwriting changes over weeks is not measured.",
        "- Impostors make no effort: forged or traced writing is not measured.",
        "- Words are random sequences of symbols; the network judges the hand, not what is written.",
        "## Pictures",
        *(f"![{picture.stem}]({picture.name})" for picture in pictures),
    ]
    return "\n\n".join(sections) + "\n"


def _origin(run: Run | None, metrics: Mapping[str, Any]) -> str:
    """Return a table of which bundle and which run the card describes, and what the run was made from."""
    rows = _identity(metrics)
    if run is not None:
        config = run.config
        draws = metrics["draws"]
        means = f" (draw {config.draw}; the rates are means over {draws} draws)" if draws > 1 else ""
        rows |= {
            "data": f"{config.dataset}, SHA-256 {config.data_sha256[:16]}",
            "users": ", ".join(config.users) + means,
            "strangers from": config.strangers or "the same data",
            "fragments": f"33x33, {config.pixel_bits} bit a pixel",
            "parameters": f"{plan_of(run).parameters:,}",
            "seed, draw": f"{config.seed}, {config.draw}",
            "backbone": f"{config.backbone.get('dataset')}, {config.backbone.get('background_writers')} writers, "
            f"{config.backbone.get('steps')} steps",
            "command": f"`{config.command}`",
            "made": config.created,
            "versions": ", ".join(f"{name} {number}" for name, number in config.versions.items()),
        }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _identity(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return the bundle and the run by their hashes, as `train.evaluation.evaluate.score` found them."""
    rows = {}
    if bundle := metrics.get("bundle"):
        rows["bundle"] = f"`{bundle['path']}`, SHA-256 of its manifest {bundle['sha256']}"
        rows["users"] = ", ".join(bundle["users"])
    if run := metrics.get("run"):
        hashes = ", ".join(f"{name} {digest}" for name, digest in run["sha256"].items())
        doubt = "" if run["proved"] else "; the bundle notes no hash of it: only the users' names were compared"
        rows["run"] = f"`{run['path']}`, SHA-256 of {hashes}{doubt}"
    return rows


def _shut(metrics: Mapping[str, Any]) -> str:
    why = metrics["gate"]["why_shut"]
    return f" **{why}.**" if why else ""


def _strangers(run: Run | None) -> str:
    if run is None:
        return ""
    if run.config.strangers is None:
        return f" Measured here on `{run.config.dataset}`."
    return f" Here the strangers come from `{run.config.strangers}`, not from the users' device."


def _table(metrics: Mapping[str, Any]) -> str:
    columns = {
        "EER, strangers": metrics["eer"],
        "EER, other users": metrics["eer_other_users"],
        **{f"FRR at FAR {far} %": table for far, table in metrics["frr_at_far"].items()},
        "rank-1": metrics["rank1"],
        "EER, no name claimed": metrics["identification_eer"],
        "gate FAR": metrics["gate"]["far"],
        "gate FRR": metrics["gate"]["frr"],
    }
    lines = ["| symbols | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for symbols in map(str, _LENGTHS_IN_CARD):
        cells = [_cell(table[symbols]) if table else "-" for table in columns.values()]
        lines.append(f"| {symbols} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(bounds: Mapping[str, float]) -> str:
    return f"{bounds['value']:.1f} ({bounds['low']:.1f}-{bounds['high']:.1f})"


def mark_rates(axes: Axes) -> None:
    """Mark both axes of a DET picture in per cent, at the normal deviates of the rates.

    And where FAR = FRR.
    """
    places, names = [_deviate(t) for t in _TICKS], [f"{100 * t:g}" for t in _TICKS]
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    limits = (_deviate(5e-4), _deviate(0.6))
    axes.plot(limits, limits, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlim=limits, ylim=limits)
    axes.grid(color="0.92")


def save_picture(figure: Figure, path: Path) -> None:
    """Save a figure as SVG without date or random ids, so that equal figures give equal files."""
    with rc_context({"svg.hashsalt": "inkgate"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _deviate(rate: float) -> float:
    return NormalDist().inv_cdf(rate)


def deviates(rates: Any) -> list[float]:
    """Return the normal deviates of rates between 0 and 1."""
    return [_deviate(float(rate)) for rate in rates]
