"""A bundle with evidence is asked by protocols, and its card says of which bundle and which handwriting it speaks."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from invented_hands import DIGITS, make_evidence, make_written
from rich.console import Console

from edge.ink.fragment_set import KINDS, FragmentSet
from inkgate import cli
from train.cli.protocols import show_answers
from train.errors import TooFewWritersError
from train.evaluation import measuring
from train.evaluation.measuring import PROTOCOLS, Measured, Request, measure
from train.evaluation.protocol_card import protocol_card, write_card

WRITERS, ROUNDS = 14, 8
SHA256 = "b" * 64


class Sees:
    """Two networks that see in a fragment what its place in the set says: they are shown the whole set in order."""

    runtime, kernels, alphabet = "ai-edge-litert 2", "litert-xnnpack", DIGITS

    def __init__(self) -> None:
        self.written = make_written(WRITERS, ROUNDS)
        self.at = {"features": 0, "readings": 0}

    def features(self, fragments: np.ndarray) -> np.ndarray:
        return self._next("features", len(fragments))

    def read(self, fragments: np.ndarray) -> np.ndarray:
        return self._next("readings", len(fragments))

    def _next(self, name: str, count: int) -> np.ndarray:
        start = self.at[name]
        self.at[name] += count
        return np.asarray(getattr(self.written, name)[start : start + count])


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a set in a file, of the kind of the evidence."""
    written = make_written(WRITERS, ROUNDS)
    path = tmp_path_factory.mktemp("hands") / "hands.npz"
    fragments = FragmentSet(written.pixels, written.writer, written.symbols.astype(np.int32), written.order)
    fragments.of_kind("scan").save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that opens as a bundle with evidence."""
    path = tmp_path / "bundle"
    path.mkdir()
    evidence, sees = make_evidence(), Sees()
    bundle = SimpleNamespace(
        path=path,
        sha256=SHA256,
        manifest=SimpleNamespace(users=(), inputs=evidence.inputs),
        evidence=lambda: evidence,
        engine=lambda: sees,
        reader=lambda: sees,
    )
    monkeypatch.setattr(measuring, "Bundle", SimpleNamespace(open=lambda _: bundle))
    return path


def request(folder: Path, hands: Path, *protocols: str, **given: Any) -> Request:
    settings = {"users": 6, "draws": 1, "rounds": 20, "trials": 2, "lengths": (4,), "processes": 1, **given}
    return Request(folder, str(hands), protocols, **settings)


@pytest.fixture
def measured(folder: Path, hands: Path) -> Measured:
    return measure(request(folder, hands, "claim", "identify"))


def evaluate(folder: Path, hands: Path, *arguments: object) -> Result:
    options = ["--dataset", hands, "--users", 6, "--draws", 1, "--rounds", 20, "--symbols", 4, *arguments]
    return CliRunner().invoke(cli, ["evaluate", str(folder), *map(str, options)])


def test_every_answer_names_its_protocol_and_is_bound_to_the_bundle_by_hash(measured: Measured) -> None:
    found = measured.to_dict()
    assert list(found["protocols"]) == ["claim", "identify"]
    for name, answer in found["protocols"].items():
        assert answer["protocol"] == name
        assert answer["rows"]
    assert found["bundle"]["sha256"] == SHA256
    assert found["kind"] in KINDS
    assert json.loads(json.dumps(found)) == found


def test_a_set_of_one_short_day_allows_all_protocols_but_those_of_time(folder: Path, hands: Path) -> None:
    fragments = FragmentSet.load(hands)
    allowed = measuring._allowed(fragments)
    assert {name for name in PROTOCOLS if not allowed[name]} == {"later", "another-day"}
    with pytest.raises(TooFewWritersError, match="wrote on two days"):
        measure(request(folder, hands, "another-day"))


def test_the_card_has_the_head_that_hubs_read_and_says_what_was_measured(measured: Measured, tmp_path: Path) -> None:
    written = write_card(tmp_path, measured)
    assert [path.name for path in written] == ["det-claim.svg", "det-identify.svg", "card.md"]
    card = written[-1].read_text()
    head = card.split("---\n")[1]
    for said in ("license: ", "library_name: inkgate", "tags: [", f"bundle_sha256: {SHA256}"):
        assert said in head
    for said in (SHA256, measured.about["dataset_sha256"][:16], "invented", "No FAR below 3/n", "Nobody imitated"):
        assert said in card
    for picture in written[:-1]:
        assert f"({picture.name})" in card
        assert ElementTree.fromstring(picture.read_text()).tag.endswith("svg")
    assert write_card(tmp_path / ".", measured)[-1].read_text() == card
    assert "## Pictures" not in protocol_card(measured, [])


def test_what_the_networks_know_of_the_writers_is_told(measured: Measured) -> None:
    assert measured.about["familiar"] == ""
    assert "Too good" not in protocol_card(measured, [])
    told = Measured({**measured.about, "familiar": "everything of these"}, measured.answers)
    assert "- Too good: everything of these.\n" in protocol_card(told, [])
    screen = io.StringIO()
    show_answers(Console(file=screen, width=300), told.about, told.answers)
    assert "too good: everything of these\n" in screen.getvalue()


def test_the_command_tells_machines_and_people_the_same(folder: Path, hands: Path, tmp_path: Path) -> None:
    result = evaluate(folder, hands, "--protocol", "claim", "--report", tmp_path / "r", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    row = told["protocols"]["claim"]["rows"][0]
    assert row["EER"]["low"] <= row["EER"]["value"] <= row["EER"]["high"]
    assert json.loads((tmp_path / "r" / "metrics.json").read_text()) == {k: v for k, v in told.items() if k != "report"}
    assert [Path(file).name for file in told["report"]] == ["det-claim.svg", "card.md"]


def test_people_get_a_table_and_the_folder(folder: Path, hands: Path, tmp_path: Path) -> None:
    result = evaluate(folder, hands, "--protocol", "claim")
    assert result.exit_code == 0, result.output
    assert "FRR at FAR" in result.stderr
    assert "at least three of them different" in result.stderr
    assert (tmp_path / "bundle-evaluation" / "card.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "clairvoyance"], "take claim, identify"),
        (["--writings", "5,none"], "--writings 5,none"),
        (["--writings", "0"], "whole numbers from 1"),
    ],
)
def test_what_no_protocol_can_do_is_refused_before_anything_is_opened(
    tmp_path: Path, hands: Path, arguments: list[str], said: str
) -> None:
    result = evaluate(tmp_path / "nowhere", hands, *arguments)
    assert result.exit_code == 2
    assert said in result.output
