import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from edge.bundle.run_directory import Run
from edge.decision.error_rates import far_floor
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.thresholds import fit_thresholds
from train.evaluation.evaluate import Scored, det_curves, evaluate
from train.evaluation.model_card import DET_LENGTHS, model_card, plot_losses, write_report
from train.trained_run import FAR_SCOPE, plan_of

WORDS, STRANGERS = 8, 12


def scored(seed: int, users: int = 3) -> Scored:
    """Return evidence that separates users from strangers: only the rule of three keeps the FAR up."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(users), WORDS)
    mine = rng.normal(size=(len(labels), MAX_SYMBOLS, users))
    mine[np.arange(len(labels)), :, labels] += 50.0
    theirs = rng.normal(size=(STRANGERS * WORDS, MAX_SYMBOLS, users))
    thresholds = fit_thresholds(rng.normal(size=(400, MAX_SYMBOLS)) + 10.0)
    names = tuple("abcdefgh"[:users])
    return Scored(names, mine, labels, labels, theirs, np.repeat(np.arange(STRANGERS) + 50, WORDS), 40, thresholds)


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    about = {"arithmetic": "int8", "runtime": "ai-edge-litert 2", "kernels": "litert-xnnpack"}
    return {**about, **evaluate([scored(0), scored(1)], rounds=20)}


def report(folder: Path, run: Run | None, metrics: dict[str, Any]) -> dict[str, bytes]:
    folder.mkdir()
    written = write_report(folder, run, metrics, det_curves([scored(0), scored(1)], DET_LENGTHS))
    return {path.name: path.read_bytes() for path in written}


def test_two_reports_of_the_same_figures_are_equal_byte_for_byte(
    tmp_path: Path, run: Run, metrics: dict[str, Any]
) -> None:
    first, second = report(tmp_path / "a", run, metrics), report(tmp_path / "b", run, metrics)
    assert first == second
    assert set(first) == {"det.svg", "eer.svg", "losses.svg", "card.md"}
    for name, content in first.items():
        if name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag.endswith("svg")
            assert b"<dc:date>" not in content


def test_pictures_in_the_card_are_files_beside_it(tmp_path: Path, metrics: dict[str, Any]) -> None:
    files = report(tmp_path / "a", None, metrics)
    assert set(files) == {"det.svg", "eer.svg", "card.md"}
    for name in files:
        assert name == "card.md" or f"({name})" in files["card.md"].decode()


def test_the_card_says_what_it_was_made_from(run: Run, metrics: dict[str, Any]) -> None:
    card = model_card(run, metrics, [])
    config = run.config
    for said in (config.dataset, config.data_sha256[:16], ", ".join(config.users), config.command, config.created):
        assert said in card
    assert f"{plan_of(run).parameters:,}" in card
    assert f"numpy {config.versions['numpy']}" in card


def test_the_card_says_which_bundle_and_which_run_it_describes(run: Run, metrics: dict[str, Any]) -> None:
    bundle = {"path": "runs/a/bundle", "sha256": "b" * 64, "users": ["Ada", "Ben"]}
    made_from = {"path": "runs/a", "sha256": {"config.json": "c" * 64, "model.keras": "d" * 64}, "proved": True}
    card = model_card(run, {**metrics, "bundle": bundle, "run": made_from}, [])
    for said in ("`runs/a/bundle`", "b" * 64, "`runs/a`", "config.json " + "c" * 64, "model.keras " + "d" * 64):
        assert said in card
    assert "no hash" not in card
    assert "no hash" in model_card(run, {**metrics, "bundle": bundle, "run": {**made_from, "proved": False}}, [])
    alone = model_card(None, {**metrics, "bundle": bundle, "run": None}, [])
    assert "| users | Ada, Ben |" in alone


def test_the_card_says_that_a_far_holds_for_its_source_alone(run: Run, metrics: dict[str, Any]) -> None:
    card = model_card(run, metrics, [])
    assert FAR_SCOPE in card
    assert f"Measured here on `{run.config.dataset}`" in card
    from_elsewhere = replace(run, config=msgspec.structs.replace(run.config, strangers="qmnist"))
    assert "strangers come from `qmnist`, not from the users' device" in model_card(from_elsewhere, metrics, [])


def test_the_card_says_what_the_figures_do_not(metrics: dict[str, Any]) -> None:
    card = model_card(None, metrics, [])
    limits = card[card.index("## Limits") :]
    for said in ("one session", "no effort", "random sequences"):
        assert said in limits
    assert "No FAR below 3/n" in card
    trials = metrics["trials"]
    assert f"{trials['genuine_words']} genuine words by {trials['users']} users" in card
    assert f"{trials['strangers']} strangers never seen" in card
    assert "refuses every word of fewer than 4 symbols" in card


def test_the_card_quotes_no_far_below_three_in_n(metrics: dict[str, Any]) -> None:
    lines = [line for line in model_card(None, metrics, []).splitlines() if line.startswith("|")]
    headings = [cell.strip() for cell in lines[0].split("|")[1:-1]]
    place = headings.index("gate FAR")
    for line in lines[2:]:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if int(cells[0]) < 4:
            assert cells[place:] == ["0.0 (0.0-0.0)", "100.0 (100.0-100.0)"], "refused by rule, not measured"
            continue
        floor = 100 * far_floor(metrics["trials"]["independent_stranger_words"][cells[0]])
        assert floor > 1.0
        # The card rounds to one decimal.
        assert float(cells[place].split()[0]) >= floor - 0.05


def test_one_user_has_no_column_of_others(tmp_path: Path) -> None:
    about = {"arithmetic": "int8", "runtime": "r", "kernels": "k"}
    files = report(tmp_path / "a", None, {**about, **evaluate([scored(0, users=1)], rounds=20)})
    assert "| - |" in files["card.md"].decode()


def test_losses_are_drawn_by_step(tmp_path: Path, run: Run) -> None:
    history = json.loads((run.path / "history.json").read_text())
    assert history[-1][0] == run.config.settings["steps"]
    plot_losses(history, tmp_path / "losses.svg")
    assert (tmp_path / "losses.svg").read_text().startswith("<?xml")
