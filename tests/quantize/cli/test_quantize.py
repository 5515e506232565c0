"""The report of `inkgate quantize` about the bundle that it made."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import quantize.make_bundle
from edge.bundle.bundle import Bundle
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
