import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.bundle.bundle import Bundle
from edge.bundle.run_directory import Run
from edge.bundle.run_files import CONFIG, DEVELOPMENT, MODEL, TEST
from edge.decision.error_rates import far_floor
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.rule import FAR_UNKNOWN
from edge.errors import EdgeError, RunError
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.errors import UnwritableError
from inkgate import cli
from train.errors import BackboneError, FarUnknownError, TrainError, UnknownDatasetError
from train.evaluation import evaluate
from train.trained_run import FAR_SCOPE, plan_of

SYMBOLS = [str(symbols) for symbols in range(1, MAX_SYMBOLS + 1)]
STEPS = ["--steps", "2"]


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def few_words() -> Any:
    """Draw 300 words of development strangers, the fewest that support a FAR of 1 %."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "DEVELOPMENT_WORDS", 300)
        patch.setattr(evaluate, "WORDS_PER_USER", 8)
        yield


@pytest.fixture(scope="module")
def evaluated(run: Run, few_words: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    result = inkgate("evaluate", run.path, "--rounds", 20, "--report", folder, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), folder


def test_train_says_as_json_what_it_made(hands_file: Path, backbone_folder: Path, tmp_path: Path) -> None:
    options = ["--users", 3, "--backbone", backbone_folder, *STEPS, "--seed", 4, "--out", tmp_path / "run"]
    result = inkgate("train", "--dataset", hands_file, *options, "--json")
    assert result.exit_code == 0, result.output
    told, made = json.loads(result.stdout), Run.open(tmp_path / "run")
    assert told.keys() == {"run", "users", "draws", "parameters", "strangers", "far_known", "seconds"}
    assert told["users"] == list(made.config.users)
    assert told["parameters"] == plan_of(made).parameters
    assert (told["run"], told["draws"]) == (str(tmp_path / "run"), 1)
    assert (made.config.seed, made.config.settings["seed"], made.config.settings["steps"]) == (4, 4, 2)


def test_train_says_that_a_far_of_another_source_is_not_one_of_the_users_device(
    hands: FragmentSet, hands_file: Path, backbone_folder: Path, tmp_path: Path
) -> None:
    own = hands.of_writers(hands.writers[:3])
    own.save(tmp_path / "own.npz")
    options = ["--users", 3, "--backbone", backbone_folder, *STEPS, "--out", tmp_path / "run", "--json"]
    result = inkgate("train", "--dataset", tmp_path / "own.npz", "--strangers", hands_file, *options)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["strangers"] == str(hands_file)
    assert f"strangers come from {hands_file}, not from the users' device. {FAR_SCOPE}" in result.stderr
    assert "97 %" in " ".join(inkgate("train", "--help").stdout.split())


@pytest.mark.slow("enrols, converts and evaluates")
def test_of_a_far_that_is_unknown_train_bundle_gate_and_evaluate_say_so_and_nobody_is_accepted(
    hands: FragmentSet, backbone_folder: Path, few_words: None, tmp_path: Path
) -> None:
    ours = hands.of_writers(hands.writers[:4])
    ours.of_kind("unknown").save(tmp_path / "ours.npz")
    hands.of_writers(hands.writers[4:]).save(tmp_path / "others.npz")
    words = ["--dataset", tmp_path / "ours.npz", "--strangers", tmp_path / "others.npz", "--users", 3]
    options = ["--backbone", backbone_folder, *STEPS, "--out", tmp_path / "run"]
    refused = failure("train", *words, *options)
    assert isinstance(refused, FarUnknownError)
    assert not (tmp_path / "run" / CONFIG).exists()
    trained = inkgate("train", *words, *options, "--far-unknown", "--json")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["far_known"] is False
    assert FAR_UNKNOWN in trained.stderr
    done = inkgate("quantize", tmp_path / "run", "--out", tmp_path / "bundle", "--reader", "none", "--max-clipped", 1)
    assert done.exit_code == 0, done.output
    thresholds = Bundle.open(tmp_path / "bundle").thresholds
    assert not thresholds.far_known
    rates = Bundle.open(tmp_path / "bundle").manifest.error_rates
    assert (set(rates.far.values()), set(rates.frr.values())) == ({0.0}, {1.0})
    result = inkgate("evaluate", tmp_path / "bundle", "--fragments", tmp_path / "ours.npz", "--rounds", 20, "--json")
    assert result.exit_code == 0, result.output
    gate = json.loads(result.stdout)["gate"]
    assert gate["why_shut"] == FAR_UNKNOWN
    assert {figure["value"] for figure in gate["far"].values()} == {0.0}
    assert {figure["value"] for figure in gate["frr"].values()} == {100.0}
    assert FAR_UNKNOWN in (tmp_path / "bundle-evaluation" / "card.md").read_text()
    assert FAR_UNKNOWN in inkgate("evaluate", tmp_path / "run", "--rounds", 20, "--report", tmp_path / "float").stderr


def test_evaluate_gives_every_figure_by_number_of_symbols_with_bounds(evaluated: tuple[dict[str, Any], Path]) -> None:
    metrics, _ = evaluated
    assert metrics["unit"] == "percent"
    assert metrics["frr_at_far"].keys() == {"1", "0.1"}
    tables = [metrics[name] for name in ("eer", "eer_other_users", "rank1", "identification_eer")]
    for table in [*tables, *metrics["frr_at_far"].values(), metrics["gate"]["far"], metrics["gate"]["frr"]]:
        assert list(table) == SYMBOLS
        assert all(0 <= figure["low"] <= figure["high"] <= 100 for figure in table.values())
        assert all({"value", "low", "high"} <= figure.keys() for figure in table.values())
    assert (metrics["arithmetic"], metrics["users"], metrics["draws"]) == ("float32", 3, 1)


def test_evaluate_quotes_no_far_below_three_in_n(evaluated: tuple[dict[str, Any], Path]) -> None:
    metrics, _ = evaluated
    for symbols, words in metrics["trials"]["independent_stranger_words"].items():
        # Percentages are rounded to three decimals.
        # Words that are too short are refused by rule: only there FAR is 0 and needs no trials.
        short = int(symbols) < metrics["gate"]["min_symbols"]
        assert metrics["gate"]["far"][symbols]["value"] >= (0 if short else 100 * far_floor(words)) - 1e-3
        for asked, table in metrics["frr_at_far"].items():
            floor = 100 * far_floor(words * metrics["users"])
            assert table[symbols]["far"] == pytest.approx(max(float(asked), floor), abs=1e-3)


def test_evaluate_writes_figures_card_and_pictures(evaluated: tuple[dict[str, Any], Path], run: Run) -> None:
    metrics, folder = evaluated
    assert {Path(file).name for file in metrics["report"]} == {"det.svg", "eer.svg", "losses.svg", "card.md"}
    assert all(Path(file).is_file() for file in metrics["report"])
    stored = json.loads((folder / "metrics.json").read_text())
    assert stored == {key: value for key, value in metrics.items() if key != "report"}
    assert run.config.data_sha256[:16] in (folder / "card.md").read_text()
    assert not (run.path / "metrics.json").exists()  # --report says where


def test_evaluate_takes_users_by_name_from_another_file_and_all_others_as_strangers(
    run: Run, few_words: None, tmp_path: Path
) -> None:
    test = run.fragments(TEST)
    shifted = FragmentSet(
        test.pixels, test.writer + 1000, test.symbol, test.order, tuple(test.name_of(int(w)) for w in test.writers)
    )
    shifted.save(tmp_path / "later.npz")
    options = ["--rounds", 20, "--report", tmp_path / "r", "--json"]
    result = inkgate("evaluate", run.path, "--fragments", tmp_path / "later.npz", *options)
    assert result.exit_code == 0, result.output
    trials = json.loads(result.stdout)["trials"]
    assert (trials["users"], trials["strangers"]) == (3, 4)


def test_evaluate_shows_a_table_that_people_can_read(
    run: Run, few_words: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    result = inkgate("evaluate", run.path, "--rounds", 20, "--report", tmp_path / "r")
    assert result.stdout == ""
    for said in ("float32", "3 users", "EER strangers", "gate FAR", "card and pictures"):
        assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--from-scratch", "--backbone", "there"], "exclude each other"),
        (["--pretrain-steps", "5"], "to --from-scratch"),
        (["--users", "0"], "--users"),
        (["--pixel-bits", "2"], "--pixel-bits"),
        (["--draws", "0"], "--draws"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: list[str], reason: str) -> None:
    result = inkgate("train", "--dataset", "synthetic", "--users", 3, "--out", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not (tmp_path / "run").exists()


def failure(*arguments: object) -> Exception:
    """Return the exception that `inkgate` turns into a sentence and an exit code."""
    with pytest.raises((TrainError, EdgeError, UnwritableError)) as caught:
        cli.main([str(argument) for argument in arguments], standalone_mode=False)
    assert caught.value.exit_code == (3 if isinstance(caught.value, UnwritableError) else 2)
    return caught.value


def test_what_train_cannot_find_is_one_error_with_its_exit_code(
    hands_file: Path, backbone_folder: Path, tmp_path: Path
) -> None:
    def train(dataset: object, backbone: Path, out: Path = tmp_path / "run") -> Exception:
        return failure("train", "--dataset", dataset, "--users", 3, "--backbone", backbone, "--out", out)

    assert isinstance(train("nothing", backbone_folder), UnknownDatasetError)
    assert "no such file" in str(train(tmp_path / "nothing.npz", backbone_folder))
    assert isinstance(train(hands_file, tmp_path), BackboneError)
    assert isinstance(train(hands_file, backbone_folder, hands_file / "run"), UnwritableError)


REFUSED = """
import json, sys
from inkgate import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments, standalone_mode=False)
    except Exception as error:
        loaded = {"tensorflow", "tf_keras"} & sys.modules.keys()
        print(json.dumps([type(error).__name__, str(error), sorted(loaded)]))
"""


def test_what_is_wrong_with_an_order_is_told_before_tensorflow_is_loaded(
    hands_file: Path, backbone_folder: Path, own_run: Run, tmp_path: Path
) -> None:
    (tmp_path / "full" / "of").mkdir(parents=True)
    (tmp_path / "nothing").mkdir()

    def train(dataset: object = hands_file, users: int = 3, out: str = "run", **more: object) -> list[object]:
        more = {"backbone": backbone_folder, **more}
        options = [part for name, value in more.items() for part in (f"--{name}", value)]
        return ["train", "--dataset", dataset, "--users", users, "--out", tmp_path / out, *options]

    expected: dict[str, list[object]] = {
        "no dataset is called 'qminst'": train("qminst"),
        "no such file": train(tmp_path / "no.npz"),
        "7 users cannot be drawn from 7 evaluation writers": train(users=7),
        "no dataset is called 'others'": train(strangers="others"),
        "is the dataset itself": train(strangers=hands_file),
        "no backbone for 1 bits": train(backbone=tmp_path / "nothing"),
        "choose another --out": train(out=f"{own_run.path.name}/{TEST}/run"),
        "no run (config.json": ["evaluate", tmp_path / "nothing"],
        "no.npz": ["evaluate", own_run.path, "--fragments", tmp_path / "no.npz"],
        "choose another --report": ["evaluate", own_run.path, "--report", hands_file / "report"],
        "0 of 3 users": ["evaluate", own_run.path, "--fragments", own_run.path / DEVELOPMENT],
        "is in the way": ["quantize", own_run.path, "--out", tmp_path / "full"],
        "cannot be written": ["quantize", own_run.path, "--out", hands_file / "bundle"],
        "no run (config.json: No such file or directory)": [
            "quantize",
            tmp_path / "nothing",
            "--out",
            tmp_path / "bundle",
        ],
    }
    orders = json.dumps([[str(argument) for argument in arguments] for arguments in expected.values()])
    done = subprocess.run([sys.executable, "-c", REFUSED, orders], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(expected), done.stderr
    for reason, (kind, said, loaded) in zip(expected, told, strict=True):
        assert (loaded, reason in said) == ([], True), f"{kind}: {said}"
    assert not (tmp_path / "bundle").exists()


def test_what_evaluate_cannot_use_is_one_error_with_exit_code_2(own_run: Run, tmp_path: Path) -> None:
    assert isinstance(failure("evaluate", tmp_path), RunError)
    assert "no such file" in str(failure("evaluate", own_run.path, "--fragments", tmp_path / "nothing.npz"))
    (own_run.path / MODEL).write_bytes(b"")
    assert isinstance(failure("evaluate", own_run.path), RunError)
    (own_run.path / CONFIG).write_text("")
    assert isinstance(failure("evaluate", own_run.path), RunError)


def test_figures_that_cannot_be_written_are_one_error(
    run: Run, hands_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "score", lambda *_: ([], {}))
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: {})
    error = failure("evaluate", run.path, "--report", hands_file / "report")
    assert isinstance(error, UnwritableError)
    assert "--report" in str(error)
