"""The report of `inkgate quantize` about the bundle that it made."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from tiny_reader import write_reader

import quantize.make_bundle
from edge.bundle.bundle import Bundle
from edge.bundle.reader import find_shipped, read_files
from edge.errors import ReaderCardError
from quantize.cli.quantize import _find_reader
from quantize.cli.quantize import quantize as command


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
