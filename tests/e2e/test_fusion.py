"""A bundle of trained-in users with evidence beside their logits: proved, evaluated each way, and fused at the gate."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_gate import signed

from edge.bundle.bundle import EVIDENCE, Bundle, write_bundle
from edge.bundle.run_directory import Run
from edge.bundle.run_files import CALIBRATION, DEVELOPMENT, ENROL, HELD
from edge.decision.evidence_model import EvidenceModel, Input
from edge.ink.fragment import to_int8
from inkgate import cli
from quantize.evidence.fit import readable
from quantize.evidence.fusion import Parts, fit_fusion
from quantize.evidence.moments import Writing, fit_who
from train.evaluation.fused import LENGTHS, WAYS

pytestmark = pytest.mark.slow("trains and quantises a network, fits evidence and compares")

DIGITS = "0123456789"


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def fused(run_and_bundle: tuple[Path, Path]) -> Bundle:
    """Return the bundle with evidence of its own run's writing, too little for `inkgate quantize --evidence`."""
    path, folder = run_and_bundle
    run, bundle = Run.open(path), Bundle.open(folder)
    engine, users = bundle.engine(), run.config.user_writers
    calibration = run.fragments(CALIBRATION)
    others = calibration.of_writers(np.setdiff1d(calibration.writers, users))
    background, symbol = readable(others, DIGITS)
    model = fit_who([Writing(engine.features(to_int8(background.pixels)), background.writer, symbol)], 10, 12)
    sets = [run.fragments(name) for name in (ENROL, HELD, DEVELOPMENT)]
    fusion = fit_fusion(engine, model, Parts("pen", run.config.users, users, *sets), DIGITS)
    known = Input(fusion.any_text, fusion.pin, fusion.any_text, 1e6, ("invented writers",), fusion)
    evidence = EvidenceModel(DIGITS, {"pen": model}, {"pen": known})
    manifest = msgspec.structs.replace(bundle.manifest, inputs=dict(evidence.inputs))
    return signed(write_bundle(folder.parent / "fused", manifest, {**bundle.contents, EVIDENCE: evidence.encode()}))


def test_both_outputs_of_such_a_bundle_are_proved_in_every_kernel_set(fused: Bundle) -> None:
    result = inkgate("verify", fused.path, "--kernels", "all", "--words", 8, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["mismatches"] == 0


def test_it_is_evaluated_by_logits_by_evidence_and_by_both(fused: Bundle, tmp_path: Path) -> None:
    result = inkgate("evaluate", fused.path, "--rounds", 20, "--report", tmp_path / "report", "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)["fusion"]["rows"]
    assert [(row["symbols"], row["by"]) for row in rows] == [(length, way) for length in LENGTHS for way in WAYS]
    for row in rows:
        assert 0 <= row["least C_llr"] <= 1
        assert (row["C_llr"] is None) is (row["by"] == WAYS[0])


def test_an_output_is_taken_for_a_user_whose_writing_it_recognises_whatever_he_is_called(
    fused: Bundle, run_and_bundle: tuple[Path, Path], tmp_path: Path
) -> None:
    """A user's own writing and that of others, all enrolled under his name."""
    run = Run.open(run_and_bundle[0])
    name, user = run.config.users[0], run.config.user_writers[0]
    fusion = fused.evidence().inputs["pen"].fusion
    assert fusion is not None
    own = run.fragments(ENROL).of_writers([user])
    strange = run.fragments(DEVELOPMENT)
    outputs = {}
    for writer, fragments in ((user, own), *((w, strange.of_writers([w])) for w in strange.writers.tolist()[:12])):
        source, roster = tmp_path / f"{writer}.npz", tmp_path / f"{writer}.roster"
        fragments.save(source)
        written = ("--from", source, "--writer", fragments.name_of(writer))
        result = inkgate("users", "add", name, "--bundle", fused.path, "--roster", roster, *written, "--json")
        assert result.exit_code == 0, result.stderr
        outputs[writer] = json.loads(result.stdout.splitlines()[-1])["output"]
        assert ("does not know this hand" in result.stderr) is (outputs[writer] is None)
    assert outputs.pop(user) == name
    assert list(outputs.values()).count(None) >= len(outputs) - 1  # 1 % is set: one is luck


def test_a_bundle_without_a_fusion_has_nothing_to_compare(run_and_bundle: tuple[Path, Path], tmp_path: Path) -> None:
    result = inkgate("evaluate", run_and_bundle[1], "--rounds", 20, "--report", tmp_path / "report", "--json")
    assert "fusion" not in json.loads(result.stdout)
