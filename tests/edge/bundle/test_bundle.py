"""The claims of edge.bundle.bundle."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_gate import make_golden

from edge.bundle.bundle import MODEL, Bundle, Manifest, write_bundle
from edge.bundle.engine import Engine
from edge.cli.run import run as inkgate_run
from edge.errors import BundleAlteredError, ModelRefusedError, NotABundleError, NoUsersError, OldBundleError

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
        with pytest.raises(NotABundleError, match="No space left"):
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
    result = CliRunner().invoke(inkgate_run, ["--bundle", str(tmp_path / "b"), "--port", "nowhere"])
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
