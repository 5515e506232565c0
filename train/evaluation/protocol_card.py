"""What protocols found of a bundle -> pictures (SVG), and a model card with the head that hubs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from edge.bundle.run_files import CARD
from edge.decision.error_rates import Curve, Trials, bootstrap_bands, curve
from train.data.datasets import LICENCES
from train.evaluation.measuring import Measured
from train.evaluation.model_card import deviates, mark_rates, save_picture
from train.evaluation.protocols.figures import Answer, told
from train.trained_run import FAR_SCOPE

FARS = np.geomspace(5e-4, 0.5, 40)
"""FARs at which a picture's bands are drawn."""
_BAND_ROUNDS = 100


def write_card(folder: Path, measured: Measured) -> list[Path]:
    """Write a picture for each protocol that has scores, and card.md, into `folder`; return their paths."""
    pictures = []
    for answer in measured.answers:
        if answer.det:
            pictures.append(folder / f"det-{answer.protocol}.svg")
            plot_det(answer, pictures[-1])
    card = folder / CARD
    card.write_text(protocol_card(measured, pictures))
    return [*pictures, card]


def plot_det(answer: Answer, path: Path) -> None:
    """Plot FAR against FRR on normal-deviate axes, with 95 % bands; a dot is where the gate stands."""
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for label, draws in answer.det.items():
        points = _pooled(draws)
        line = axes.plot(
            deviates(np.clip(points.far, 2e-4, 0.9)), deviates(np.clip(points.frr, 2e-4, 0.9)), label=label
        )
        color = line[0].get_color()
        low, high = bootstrap_bands(draws, FARS, rounds=_BAND_ROUNDS)
        axes.fill_between(
            deviates(FARS),
            deviates(np.clip(low, 2e-4, 0.9)),
            deviates(np.clip(high, 2e-4, 0.9)),
            color=color,
            alpha=0.15,
        )
        far, frr = (np.clip(rate, 2e-4, 0.9) for rate in answer.operating[label])
        axes.plot(deviates([far]), deviates([frr]), marker="o", color=color)
    mark_rates(axes)
    axes.set(xlabel="FAR [%]", ylabel="FRR [%]", title=f"DET, {answer.protocol}; dots: the gate's own thresholds")
    axes.legend(frameon=False)
    save_picture(figure, path)


def protocol_card(measured: Measured, pictures: Sequence[Path]) -> str:
    """Return the card: what the bundle is, what was measured with it, and what that does not say."""
    about = measured.about
    sections = [
        _head(about),
        "# Model card",
        "Decides who wrote a word on a pen board, before a camera or on a scan: an enrolled user, or nobody known. "
        f"CNN of int8 features, an int8 reader of symbols, and Gaussian evidence ({about['runtime']}, kernels "
        f"{about['kernels']}). Users are enrolled without training.",
        _table([{"": name, " ": value} for name, value in _identity(about).items()]),
        "## Error rates",
        "Per cent, with 95 % bounds by bootstrap over writers; means over draws of users. No FAR below 3/n is quoted. "
        "`gate` is what `inkgate run` does; figures at a FAR have a threshold that was chosen afterwards.",
    ]
    for answer in measured.answers:
        sections += [
            f"### {answer.protocol}",
            answer.question,
            _table(answer.rows),
            *(f"- {note}" for note in answer.notes),
        ]
    sections += [
        "## Limits",
        f"- {FAR_SCOPE}. Measured here on `{about['dataset']}`.",
        *([f"- Too good: {about['familiar']}."] if about["familiar"] else []),
        "- Nobody imitated another's hand: forged or traced writing is not measured.",
        "- One writer's fragments come from one sitting, except where another day is named.",
    ]
    if pictures:
        sections += ["## Pictures", *(f"![{picture.stem}]({picture.name})" for picture in pictures)]
    return "\n\n".join(sections) + "\n"


def _head(about: Mapping[str, Any]) -> str:
    """Return the YAML head of a card as Hugging Face reads it."""
    data = about["dataset"].partition("-")[0]
    licence = LICENCES.get(data, "")
    lines = [
        "---",
        "license: other" if licence else "license: unknown",
        "library_name: inkgate",
        "pipeline_tag: image-classification",
        "tags: [handwriting, biometrics, writer-identification, tflite, int8, edge]",
        "datasets:",
        f"- {data}",
        "metrics: [eer, far, frr]",
        f"bundle_sha256: {about['bundle']['sha256']}",
        "---",
    ]
    return "\n".join(lines)


def _identity(about: Mapping[str, Any]) -> dict[str, str]:
    policy = about["policy"]
    return {
        "bundle": f"`{about['bundle']['path']}`, SHA-256 of its manifest {about['bundle']['sha256']}",
        "measured on": f"{about['dataset']}, kind {about['kind']}, {about['writers']} writers, SHA-256 "
        f"{about['dataset_sha256'][:16]}",
        "policy": f"--far {policy['far']:g}, --pin-far {policy['pin_far']:g}, at least {policy['min_symbols']} symbols",
        **{f"evidence, {kind}": "; ".join(sources) for kind, sources in about["evidence_from"].items()},
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a table in Markdown, as its columns if it has more figures than rows."""
    if len(rows[0]) > len(rows):
        first, *others = rows[0]
        turned = [[name, *(told(row[name]) for row in rows)] for name in others]
        lines = ["| " + " | ".join([first, *(told(row[first]) for row in rows)]) + " |", "|---" * (len(rows) + 1) + "|"]
        return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in turned])
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(told(cell) for cell in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def _pooled(draws: Sequence[Trials]) -> Curve:
    genuine, impostor = (
        np.concatenate([np.ravel(getattr(d, side)) for d in draws]) for side in ("genuine", "impostor")
    )
    return curve(genuine, impostor)
