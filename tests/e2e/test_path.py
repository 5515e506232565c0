"""The whole path on invented writers: train, quantise, verify, a board on a pty, decisions."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.decision.rule import decide
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from inkgate import cli
from quantize.losses.accuracy import MAX_EER_SHIFT_POINTS
from quantize.model.graph import load_graph
from train.synthetic.writers import synthetic_set

pytestmark = pytest.mark.slow("trains and quantises a network, and compares millions of its values")

WORDS = 12
PATIENCE_S = "60"
"""Time for a process to start on two busy cores."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """The run, its opened bundle, and the bundle's engine."""

    run: Path
    bundle: Bundle
    engine: Engine
    test: FragmentSet

    def decides(self, fragments: list[int]) -> tuple[str, str | None, float | None]:
        """Return the final decision on fragments of the test set, without board, link or loop."""
        manifest = self.bundle.manifest
        logits = self.engine.run_words(to_int8(self.test.pixels[fragments])[None]).logits[0]
        decision = decide(logits, manifest.thresholds, manifest.users, final=True)
        return decision.verdict.name, decision.user, decision.score


@pytest.fixture(scope="module")
def made(run_and_bundle: tuple[Path, Path]) -> Made:
    run, path = run_and_bundle
    bundle = Bundle.open(path)
    return Made(run, bundle, bundle.engine(), FragmentSet.load(run / "test.npz"))


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "inkgate", *(str(argument) for argument in arguments)]


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command of inkgate that ends with the test."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def lines(started: subprocess.Popen[str]) -> Iterator[Line]:
    assert started.stdout is not None
    for line in started.stdout:
        yield json.loads(line)


def pen(made: Made, link: Path, *options: object) -> list[object]:
    dataset = ["--dataset", made.run / "test.npz", "--link", link, "--json"]
    return ["simulate", "pen", *dataset, *options]


def edge(made: Made, link: Path, words: int) -> list[object]:
    return [
        "run",
        "--port",
        link,
        "--bundle",
        made.bundle.path,
        "--words",
        words,
        "--idle-timeout",
        PATIENCE_S,
        "--json",
    ]


def finals(decided: list[Line]) -> list[Line]:
    return [line for line in decided if line["final"]]


def told(line: Line) -> tuple[str, str | None, float | None]:
    return line["decision"], line["user"], line["score"]


def test_the_integer_model_equals_its_reference_in_every_value(made: Made) -> None:
    result = inkgate("verify", made.bundle.path, "--words", 200, "--json")
    report = json.loads(result.stdout)
    assert report["mismatches"] == 0
    assert report["words"] == 200
    compared = [*report["kernel_sets"], *report["golden"]]
    assert report["values"] == sum(part["values"] for part in compared) > 10**6
    # A network trained for so few steps may shift by more than is allowed: the test is that the bound is enforced.
    assert result.exit_code == int(report["eer_shift_points"] > MAX_EER_SHIFT_POINTS)


def test_the_bundle_pins_what_was_verified_and_its_golden_words_tell_kernel_sets_apart(made: Made) -> None:
    golden = made.bundle.golden()
    assert made.engine.verified
    assert golden.stamp.kernels == made.bundle.manifest.executor.kernels
    # With so few training steps, these words need not tell XNNPACK from the NEON kernels; they must tell apart the
    # kernel sets that one machine can run.
    for group in golden.stamp.tells_apart.split("|"):
        assert sum("on aarch64" not in name for name in group.split("=")) <= 1, golden.stamp.tells_apart
    assert made.bundle.golden("inkgate-c").logits.shape == golden.logits.shape


def test_one_changed_byte_of_a_weight_is_found(made: Made, tmp_path: Path) -> None:
    content = bytearray(made.bundle.contents["model.tflite"])
    kernel = next(op for op in load_graph(bytes(content)).ops if op.kind == "CONV_2D").inputs[1]
    content[content.index(load_graph(bytes(content)).tensors[kernel].constant.tobytes()) + 17] ^= 0x10
    (tmp_path / "other.tflite").write_bytes(content)
    result = inkgate("verify", made.bundle.path, "--words", 8, "--reference-model", tmp_path / "other.tflite", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["mismatches"] > 0
    assert "first:" in result.stderr


def test_the_bundle_is_evaluated_as_it_runs_and_its_card_says_what_it_was_made_from(made: Made, tmp_path: Path) -> None:
    result = inkgate("evaluate", made.bundle.path, "--rounds", 20, "--report", tmp_path / "report", "--json")
    assert result.exit_code == 0
    metrics = json.loads(result.stdout)
    assert list(metrics["eer"]) == [str(symbols) for symbols in range(1, 21)]
    assert (metrics["arithmetic"], metrics["kernels"]) == ("int8", made.bundle.manifest.executor.kernels)
    card = (tmp_path / "report" / "card.md").read_text()
    assert made.bundle.manifest.provenance.data_sha256[:16] in card


def test_over_a_line_with_5_percent_damaged_frames_every_word_is_decided_once_and_rightly(
    made: Made, tmp_path: Path
) -> None:
    link = tmp_path / "pen"
    options = ["--words", WORDS, "--symbols", "4-8", "--seed", 3, "--corrupt", 0.05, "--fast"]
    with process(*pen(made, link, *options)) as board:
        said = lines(board)
        assert next(said)["path"] == str(link)
        with process(*edge(made, link, WORDS)) as gate:
            decided = list(lines(gate))
            assert gate.wait(30) == 0
        *sent, done = list(said)
        assert board.wait(30) == 0
    assert done["statistics"]["frames_repeated"] > 0
    final = finals(decided)
    keys = [(line["session"], line["word"]) for line in final]
    assert len(set(keys)) == len(keys) == WORDS
    assert keys == [(word["session"], word["word"]) for word in sent]
    for word, line in zip(sent, final, strict=True):
        assert told(line) == made.decides(word["fragments"])
        mine = [d["symbols"] for d in decided if d["word"] == word["word"] and not d["final"]]
        assert mine == list(range(1, len(word["fragments"]) + 1))
    assert len({line["score"] for line in final}) > 1


def test_a_board_killed_in_mid_word_makes_it_unavailable_and_what_it_writes_when_it_is_back_is_decided_rightly(
    made: Made, tmp_path: Path
) -> None:
    link = tmp_path / "pen"
    with process(*pen(made, link, "--words", 1, "--symbols", 20)) as board:
        next(lines(board))
        with process(*edge(made, link, 3)) as gate:
            decisions = lines(gate)
            cut = [next(decisions), next(decisions)]
            board.kill()
            board.wait()
            with process(*pen(made, link, "--words", 2, "--symbols", 6, "--seed", 1)) as again:
                decided = [*cut, *decisions]
                assert gate.wait(30) == 0
                sent = [line for line in lines(again) if line["event"] == "word"]
    lost, *others = finals(decided)
    assert told(lost) == ("UNAVAILABLE", None, None)
    assert 2 <= lost["symbols"] < 20
    assert [told(line) for line in others] == [made.decides(word["fragments"]) for word in sent]
    assert len(others) == 2
    assert {line["session"] for line in others} == {word["session"] for word in sent} != {lost["session"]}


def test_a_card_never_joins_the_users_of_one_run_with_the_rates_of_another_runs_bundle(
    made: Made, tmp_path: Path
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    shutil.copytree(made.run, run)
    shutil.copytree(made.bundle.path, bundle)
    assert inkgate("evaluate", bundle, "--rounds", 20).exit_code == 0
    card = (tmp_path / "bundle-evaluation" / "card.md").read_text()
    assert made.bundle.sha256 in card
    assert all(user in card for user in made.bundle.manifest.users)

    hands = synthetic_set(40, 42, seed=6)
    replace(hands, writer_names=tuple(f"other {writer}" for writer in hands.writers)).save(tmp_path / "others.npz")
    others = ["train", "--dataset", tmp_path / "others.npz", "--users", 3, "--steps", 2, "--seed", 2, "--out", run]
    assert subprocess.run(command(*others), stderr=subprocess.DEVNULL, check=False).returncode == 2
    assert subprocess.run(command(*others, "--force"), stderr=subprocess.DEVNULL, check=False).returncode == 0
    done = subprocess.run(command("evaluate", bundle), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"`inkgate quantize {run} --out {bundle}`" in done.stderr
    assert (tmp_path / "bundle-evaluation" / "card.md").read_text() == card
