"""The report of `inkgate quantize` about the bundle that it made."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from tiny_reader import write_reader

import quantize.make_bundle
from edge.bundle.bundle import Bundle
from edge.bundle.reader import find_shipped, read_files
from edge.bundle.signed import admit
from edge.errors import ReaderCardError
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.errors import ExitCode
from firmware_bridge.trust.errors import SigningKeyError
from firmware_bridge.trust.pins import Pins
from firmware_bridge.trust.signing import BUNDLES, create_signing_key, own_key
from quantize.cli.quantize import _find_reader
from quantize.cli.quantize import quantize as command
from quantize.errors import EvidenceFitError


@pytest.mark.parametrize(("kernels", "warned"), [("litert-xnnpack", False), ("litert-optimised", True)])
def test_a_bundle_that_another_processor_will_refuse_says_so_when_it_is_made(
    made_bundle: Path, run_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: str, warned: bool
) -> None:
    bundle = Bundle.open(made_bundle)
    executor = msgspec.structs.replace(bundle.manifest.executor, kernels=kernels)
    manifest = msgspec.structs.replace(bundle.manifest, executor=executor)
    made = dataclasses.replace(bundle, manifest=manifest)
    monkeypatch.setattr(quantize.make_bundle, "make_bundle", lambda *_, **__: made)
    done = CliRunner().invoke(command, [str(run_path), "--out", "somewhere"])
    assert done.exit_code == 0, done.output
    assert ("processors will refuse it" in done.stderr) is warned


def test_a_bundle_is_signed_if_there_is_a_key_and_says_so_if_there_is_none(
    made_bundle: Path, run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(made_bundle, tmp_path / "made")
    monkeypatch.setattr(quantize.make_bundle, "make_bundle", lambda *_, **__: Bundle.open(folder))
    arguments = [str(run_path), "--out", str(folder), "--json"]
    nobody = CliRunner().invoke(command, arguments)
    assert json.loads(nobody.stdout)["signed_by"] is None
    assert f"`inkgate keys create --for bundles` makes one, then `inkgate bundle sign {folder}`" in nobody.stderr
    key = create_signing_key(own_key(BUNDLES))
    somebody = CliRunner().invoke(command, arguments)
    assert json.loads(somebody.stdout)["signed_by"] == key.key_id.hex()
    assert "signed by nobody" not in somebody.stderr
    signer = admit(folder, Pins()).signer
    assert signer is not None
    assert signer.raw == key.public.raw
    unknown = CliRunner().invoke(command, [*arguments, "--key", str(tmp_path / "nope.key")])
    assert isinstance(unknown.exception, SigningKeyError)


def test_the_reader_is_a_shipped_one_by_its_alphabet_or_the_one_in_a_folder(tmp_path: Path) -> None:
    assert _find_reader("digits") == find_shipped("digits")
    assert _find_reader("letters") == find_shipped("letters")
    folder = write_reader(tmp_path / "mine")
    assert _find_reader(str(folder)) == read_files(folder)
    assert _find_reader("none") is None


def test_a_reader_that_is_nowhere_is_refused_before_anything_is_made(run_path: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(run_path), "--out", str(tmp_path / "b"), "--reader", "runes"])
    assert isinstance(done.exception, ReaderCardError)
    assert "shipped: digits, letters" in str(done.exception)
    assert not (tmp_path / "b").exists()


def evidence(folder: Path, run: Path) -> Path:
    """Make a folder of handwriting with a pen, far too little to fit anything to."""
    folder.mkdir()
    for part in ("background", "development"):
        shutil.copy(run / "development.npz", folder / f"pen-{part}.npz")
    return folder


def hold_back(run: Path, kind: str) -> None:
    """Give a run what `inkgate train` holds back, of a kind of input."""
    for source, target in (("test.npz", "held.npz"), ("test.npz", "enrol.npz"), ("development.npz", "development.npz")):
        FragmentSet.load(run / source).of_kind(kind).save(run / target)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: None, r"has no held\.npz.*`inkgate train` with another --out makes a run that has"),
        (lambda run: hold_back(run, "scan"), "comes from scan, of which there is no handwriting"),
        (lambda run: change(run, pixel_bits=8), "8 bits a pixel"),
        (lambda run: change(run, far_known=False), "nobody is accepted.*leave --evidence away"),
    ],
)
def test_what_no_fusion_can_be_fitted_to_is_refused_before_tensorflow_is_loaded(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], said: str
) -> None:
    run = shutil.copytree(run_path, tmp_path / "run", ignore=shutil.ignore_patterns("draws", "bundle"))
    damage(run)
    monkeypatch.setattr(quantize.make_bundle, "load_keras", lambda _: pytest.fail("TensorFlow was loaded"))
    done = CliRunner().invoke(
        command, [str(run), "--out", str(tmp_path / "b"), "--evidence", str(evidence(tmp_path / "ev", run_path))]
    )
    assert isinstance(done.exception, EvidenceFitError), done.output
    assert re.search(said, str(done.exception))
    assert done.exception.exit_code is ExitCode.USAGE
    assert not (tmp_path / "b").exists()


def test_evidence_without_a_reader_or_without_handwriting_is_refused(run_path: Path, tmp_path: Path) -> None:
    folder = evidence(tmp_path / "ev", run_path)
    given = [str(run_path), "--out", str(tmp_path / "b"), "--evidence", str(folder)]
    done = CliRunner().invoke(command, [*given, "--reader", "none"])
    assert isinstance(done.exception, EvidenceFitError)
    assert "leave --reader none away" in str(done.exception)
    for file in folder.iterdir():
        file.unlink()
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 2
    assert "inkgate data evidence" in done.stderr


def change(run: Path, **fields: object) -> None:
    file = run / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
