"""The claims of edge.bundle.bundle."""

import dataclasses
import json
import os
import shutil
import stat
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_gate import make_blots, make_golden
from tiny_reader import card_of, make_reader

from edge.bundle.bundle import MODEL, Bundle, write_bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors, Stamp, decode
from edge.bundle.kernels import request_for
from edge.bundle.manifest import Manifest, ReaderRecord
from edge.bundle.reader import CARD, Reader, golden_name
from edge.bundle.reader import MODEL as READER
from edge.cli.run import run as inkgate_run
from edge.errors import (
    BundleAlteredError,
    ModelRefusedError,
    NoReaderError,
    NotABundleError,
    NoUsersError,
    OldBundleError,
    OtherOutputsError,
    ReaderDiffersError,
    StaleVectorsError,
)
from edge.ink.fragment import to_int8
from firmware_bridge.errors import UnwritableError

FILES = ["model.tflite", "calibration.json", "float.npz"]
GOLDEN = "golden-litert-xnnpack.bin"


def test_a_bundle_opens_as_it_was_written(bundle: Bundle, manifest: Manifest, contents: dict[str, bytes]) -> None:
    again = Bundle.open(bundle.path)
    assert again.contents == contents
    assert msgspec.structs.replace(again.manifest, files={}) == manifest
    assert again.sha256 == bundle.sha256
    assert sorted(again.manifest.files) == sorted([*FILES, GOLDEN])
    assert again.engine().outputs == 4


@given(st.sampled_from([*FILES, GOLDEN]), st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_changed_byte_of_any_file_is_refused(bundle: Bundle, name: str, data: st.DataObject) -> None:
    path = bundle.path / name
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(
        whole[:position] + bytes([whole[position] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[position + 1 :]
    )
    try:
        with pytest.raises(BundleAlteredError, match=f"{name} was altered") as caught:
            Bundle.open(bundle.path)
        assert caught.value.exit_code == 4
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [*FILES, GOLDEN])
def test_a_missing_a_cut_and_an_added_file_are_refused(bundle: Bundle, name: str) -> None:
    path = bundle.path / name
    path.rename(bundle.path.parent / "aside")
    with pytest.raises(BundleAlteredError, match=f"{name} is missing"):
        Bundle.open(bundle.path)
    path.write_bytes((bundle.path.parent / "aside").read_bytes()[:-1])
    with pytest.raises(BundleAlteredError, match=f"{name} was altered"):
        Bundle.open(bundle.path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BundleAlteredError, match=f"{name} cannot be read"):
        Bundle.open(bundle.path)
    path.rmdir()
    shutil.copy(bundle.path.parent / "aside", path)
    (bundle.path / "plugin.so").write_bytes(b"")
    with pytest.raises(BundleAlteredError, match=r"plugin\.so is not in the manifest"):
        Bundle.open(bundle.path)


def test_reports_about_the_bundle_may_come_later(bundle: Bundle) -> None:
    (bundle.path / "verify.json").write_text("{}")
    (bundle.path / "report.html").write_text("<html>")
    assert Bundle.open(bundle.path).sha256 == bundle.sha256


def test_a_manifest_cannot_leave_a_required_file_unhashed(bundle: Bundle) -> None:
    path = bundle.path / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["files"][MODEL]
    path.write_text(json.dumps(fields))
    with pytest.raises(BundleAlteredError, match=r"model\.tflite is"):
        Bundle.open(bundle.path)
    (bundle.path / MODEL).unlink()
    with pytest.raises(BundleAlteredError, match=r"model\.tflite is missing"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "inkgate-bundle/4"}, "format"),
        ({"pixel_bits": 4}, "pixel_bits"),
        ({"users": []}, "thresholds belong to users"),
        ({"thresholds": None}, "thresholds belong to users"),
        ({"users": ["Ada", "Ada", "Ben"]}, "distinct"),
        ({"users": ["Ada", "Ben", "\x1b[31m"]}, "printable"),
        ({"files": {"../model.tflite": "0"}}, "plain names"),
        ({"files": {"manifest.json": "0"}}, "plain names"),
        ({"surprise": 1}, "surprise"),
        ({"executor": {"runtime": "x"}}, "version"),
    ],
)
def test_a_manifest_that_is_not_in_order_is_refused(bundle: Bundle, change: dict[str, object], message: str) -> None:
    path = bundle.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(NotABundleError, match=message) as caught:
        Bundle.open(bundle.path)
    assert caught.value.exit_code == 2


def test_thresholds_that_contradict_themselves_make_no_bundle(bundle: Bundle) -> None:
    path = bundle.path / "manifest.json"
    fields = json.loads(path.read_text())
    fields["thresholds"]["accept"][3] = -1e9
    path.write_text(json.dumps(fields))
    with pytest.raises(NotABundleError, match="threshold"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_manifest_that_cannot_be_read_is_refused(bundle: Bundle, raw: bytes) -> None:
    (bundle.path / "manifest.json").write_bytes(raw)
    with pytest.raises(NotABundleError, match=r"manifest\.json"):
        Bundle.open(bundle.path)


def test_what_is_no_bundle_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path, tmp_path / "file"):
        with pytest.raises(NotABundleError, match="inkgate quantize"):
            Bundle.open(path)


def test_writing_replaces_a_bundle_but_never_something_else(
    bundle: Bundle, manifest: Manifest, contents: dict[str, bytes], tmp_path: Path
) -> None:
    (bundle.path / "verify.json").write_text("about the old one")
    second = write_bundle(bundle.path, manifest, contents | {"float.npz": b"other"})
    assert second.sha256 != bundle.sha256
    assert not (bundle.path / "verify.json").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter1").write_text("years of work")
    for target in (thesis, thesis / "chapter1"):
        with pytest.raises(NotABundleError, match="is in the way"):
            write_bundle(target, manifest, contents)
    with pytest.raises(NotABundleError, match=r"needs float\.npz"):
        write_bundle(tmp_path / "new", manifest, {n: contents[n] for n in (*FILES[:2], GOLDEN)})
    with pytest.raises(NotABundleError, match=f"needs {GOLDEN}"):
        write_bundle(tmp_path / "new", manifest, {n: contents[n] for n in FILES})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "thesis"]


def test_a_failed_write_leaves_the_old_bundle_and_no_rubbish(
    bundle: Bundle, manifest: Manifest, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UnwritableError, match="No space left"):
            write_bundle(bundle.path, manifest, contents)
    assert Bundle.open(bundle.path).sha256 == bundle.sha256
    assert [path.name for path in bundle.path.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize(("version", "lacks"), [(1, "has no golden vectors"), (2, "has no features")])
def test_a_bundle_of_an_earlier_format_is_refused_with_the_command_that_makes_it_anew(
    bundle: Bundle, version: int, lacks: str
) -> None:
    path = bundle.path / "manifest.json"
    fields = json.loads(path.read_text()) | {"format": f"inkgate-bundle/{version}"}
    del fields["files"][GOLDEN]
    (bundle.path / GOLDEN).unlink()
    path.write_text(json.dumps(fields))
    command = f"inkgate quantize {bundle.path.parent} --out {bundle.path}"
    with pytest.raises(OldBundleError, match=f"{lacks}.*`{command}`") as caught:
        Bundle.open(bundle.path)
    assert caught.value.exit_code == 2


# --- the reader ----------------------------------------------------------------------------------------------------


@pytest.fixture
def reading(manifest: Manifest) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a bundle with a reader, and the reader's files in it."""
    model = make_reader()
    card, pinned = card_of(model), manifest.executor
    reader = Reader.load(model, card, request_for(pinned.kernels))
    fragments = to_int8(np.concatenate(make_blots(2, seed=5))[:6])
    stamp = Stamp("test", "0", pinned.runtime, pinned.version, pinned.kernels, "none", "this machine", "")
    tensors = {"6.output": reader.logits_int8(fragments)}
    golden = GoldenVectors(
        stamp, card.model_sha256, fragments, np.ones(6, np.int32), tensors, {"logits": "6.output"}
    )  # fmt: skip
    files = {READER: model, CARD: card.encode(), golden_name(pinned.kernels): golden.encode()}
    return msgspec.structs.replace(manifest, reader=ReaderRecord(card.alphabet, card.temperature)), files


def test_a_bundles_reader_is_given_away_verified(
    tmp_path: Path, reading: tuple[Manifest, dict[str, bytes]], contents: dict[str, bytes]
) -> None:
    manifest, files = reading
    bundle = write_bundle(tmp_path / "b", manifest, contents | files)
    reader = bundle.reader()
    assert (reader.verified, reader.alphabet, reader.kernels) == (True, "0127", manifest.executor.kernels)
    assert not bundle.reader("reference").verified
    assert bundle.reader("reference").kernels == "litert-reference"


@pytest.mark.parametrize("lacking", [READER, CARD, "reader-golden-litert-xnnpack.bin"])
def test_a_bundle_that_says_it_reads_lacks_no_file_of_its_reader(
    tmp_path: Path, reading: tuple[Manifest, dict[str, bytes]], contents: dict[str, bytes], lacking: str
) -> None:
    manifest, files = reading
    with pytest.raises(NotABundleError, match=f"needs {lacking}"):
        write_bundle(tmp_path / "b", manifest, {**contents, **{n: f for n, f in files.items() if n != lacking}})


def test_a_reader_of_other_golden_words_is_refused_with_the_first_value_that_differs(
    tmp_path: Path, reading: tuple[Manifest, dict[str, bytes]], contents: dict[str, bytes]
) -> None:
    manifest, files = reading
    name = golden_name(manifest.executor.kernels)
    golden = decode(files[name])
    values = golden.logits.copy()
    values[2, 3] ^= 1
    files[name] = dataclasses.replace(golden, tensors={"6.output": values}).encode()
    bundle = write_bundle(tmp_path / "b", manifest, contents | files)
    with pytest.raises(OtherOutputsError, match=r"b: the reader: .*golden word 2, step 0, logits 3: expected"):
        bundle.reader()
    assert bundle.engine().verified, "the network beside it is what was verified"


def test_a_reader_that_is_another_than_its_card_or_its_manifest_says_is_refused(
    tmp_path: Path, reading: tuple[Manifest, dict[str, bytes]], contents: dict[str, bytes]
) -> None:
    manifest, files = reading
    for record in (ReaderRecord("0123", 1.5), ReaderRecord("0127", 1.0)):
        other = msgspec.structs.replace(manifest, reader=record)
        with pytest.raises(ReaderDiffersError, match="says otherwise of the reader than its card") as caught:
            write_bundle(tmp_path / "b", other, contents | files).reader()
        assert caught.value.exit_code == 4
    with pytest.raises(StaleVectorsError, match=r"reader-golden-.* the model here is"):
        write_bundle(tmp_path / "c", manifest, contents | files | {READER: make_reader(seed=2)})


def test_a_bundle_without_a_reader_says_so(bundle: Bundle) -> None:
    with pytest.raises(NoReaderError, match="has no reader of symbols"):
        bundle.reader()


def test_every_file_of_a_bundle_can_be_read_whatever_the_umask(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    before = os.umask(0o077)
    try:
        path = write_bundle(tmp_path / "b", manifest, contents).path
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o644}
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


# --- without users -------------------------------------------------------------------------------------------------


def test_a_bundle_without_users_gives_features_and_no_thresholds(
    tmp_path: Path, manifest: Manifest, features_model: bytes
) -> None:
    engine = Engine.load(features_model)
    golden = make_golden(engine, features_model)
    nobody = msgspec.structs.replace(manifest, users=(), thresholds=None, plan={"users": 0})
    files = {MODEL: features_model, "calibration.json": b"{}", "float.npz": b"", GOLDEN: golden.encode()}
    bundle = write_bundle(tmp_path / "b", nobody, files)
    assert (bundle.engine().outputs, bundle.engine().width, bundle.engine().verified) == (0, 12, True)
    with pytest.raises(
        NoUsersError, match=f"{tmp_path}/b: the network knows no user by itself; `inkgate train`"
    ) as caught:
        _ = bundle.thresholds
    assert caught.value.exit_code == 2
    result = CliRunner().invoke(inkgate_run, ["--bundle", str(tmp_path / "b"), "--port", "nowhere", "--unsigned"])
    assert isinstance(result.exception, NoUsersError)


def test_a_network_with_logits_is_no_network_of_a_bundle_without_users(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    nobody = msgspec.structs.replace(manifest, users=(), thresholds=None)
    with pytest.raises(ModelRefusedError, match="4 logits for 0 users"):
        write_bundle(tmp_path / "b", nobody, contents).engine()


def test_a_network_for_another_number_of_users_is_refused(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    more = msgspec.structs.replace(manifest, users=("Ada", "Ben", "Cleo", "Dan"))
    with pytest.raises(ModelRefusedError, match="4 logits for 4 users"):
        write_bundle(tmp_path / "b", more, contents).engine()


def test_a_bundle_without_evidence_tells_how_to_get_it(bundle: Bundle) -> None:
    with pytest.raises(NotABundleError, match="--evidence FOLDER"):
        bundle.evidence()
