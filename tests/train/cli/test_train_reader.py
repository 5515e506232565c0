"""`inkgate train-reader` and `inkgate evaluate-reader`: what they print, and what they refuse before they work."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import train.reader.evaluate
import train.reader.make
from edge.bundle.reader import CARD, MODEL
from edge.bundle.reader_card import SourceNote
from edge.errors import ReaderCardError
from edge.ink.fragment_set import FragmentSet
from train.cli.train_reader import evaluate_reader, train_reader
from train.errors import MissingDataError, OverwriteError, UnknownReaderError
from train.reader.make import PAGE, REPORT
from train.reader.material import ALPHABETS, Material, codes_of
from train.reader.samples import Samples, Source, samples_of
from train.reader.structure import STRUCTURES


@pytest.fixture
def samples(hands: FragmentSet) -> Samples:
    return samples_of(hands, codes_of(ALPHABETS["digits"])).select(np.arange(200))


@pytest.fixture
def little_data(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands find 200 invented digits in place of the public sets."""
    note = SourceNote("synthetic", 5, 200, "0" * 64)
    material = Material((Source("synthetic", samples, 1.0),), (note,), samples.to_bits(1))
    monkeypatch.setattr(train.reader.make, "load_material", lambda *_: material)
    for module in (train.reader.make, train.reader.evaluate):
        monkeypatch.setattr(module, "load_measured", lambda *_: {"some digits": samples.to_bits(1)})


@pytest.mark.slow("trains and converts the shipped structure")
@pytest.mark.usefixtures("little_data")
def test_a_reader_is_made_told_and_measured_again_with_the_same_figures(tmp_path: Path) -> None:
    out = tmp_path / "reader"
    arguments = ["--out", str(out), "--steps", "2", "--seed", "3", "--json"]
    made = CliRunner().invoke(train_reader, arguments, catch_exceptions=False)
    assert made.exit_code == 0
    told = json.loads(made.stdout)
    assert told["reader"] == str(out)
    assert told["seconds"] > 0
    assert {path.name for path in out.iterdir()} == {MODEL, CARD, REPORT, PAGE}
    assert "steps 2" in json.loads((out / CARD).read_text())["notes"][0]

    page = tmp_path / "evaluated"
    again = CliRunner().invoke(evaluate_reader, [str(out), str(out), "--out", str(page), "--json"])
    assert again.exit_code == 0
    first, second = json.loads(again.stdout)["readers"]
    assert first["sets"] == second["sets"] == told["readers"][0]["sets"]
    assert (page / PAGE).is_file()

    table = CliRunner().invoke(evaluate_reader, [str(out)])
    assert table.exit_code == 0
    assert table.stdout == ""
    assert "1,941,136" in table.stderr

    with pytest.raises(OverwriteError):
        CliRunner().invoke(train_reader, arguments, catch_exceptions=False)


def test_missing_data_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "out"), "--data-dir", str(tmp_path)]
    for network in ("shipped", "published"):
        with pytest.raises(MissingDataError, match="inkgate data fetch"):
            CliRunner().invoke(train_reader, [*arguments, "--network", network], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_letters_are_nothing_that_the_published_network_reads(tmp_path: Path) -> None:
    arguments = ["--alphabet", "letters", "--network", "published", "--out", str(tmp_path)]
    with pytest.raises(UnknownReaderError):
        CliRunner().invoke(train_reader, arguments, catch_exceptions=False)


def test_a_folder_without_a_reader_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReaderCardError, match="inkgate train-reader"):
        CliRunner().invoke(evaluate_reader, [str(tmp_path / "nothing")], catch_exceptions=False)


def test_every_alphabet_and_every_network_can_be_asked_for() -> None:
    choices = {option.name: getattr(option.type, "choices", None) for option in train_reader.params}
    assert list(choices["alphabet"]) == list(ALPHABETS)
    assert list(choices["network"]) == list(STRUCTURES)
