"""The claims of edge.bundle.origin: a bundle is never used with a run that it was not made from."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.manifest import Manifest
from edge.bundle.origin import find_origin
from edge.errors import OtherRunError


def write_run(folder: Path, users: tuple[str, ...], seed: int = 1) -> dict[str, str]:
    """Write the files of a run that a bundle notes; return their hashes by name."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"users": users, "user_writers": [*range(len(users))], "pixel_bits": 1, "seed": seed}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "test.npz").write_bytes(b"what was written")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("config.json", "test.npz")}


@pytest.fixture
def run(tmp_path: Path, manifest: Manifest) -> Path:
    write_run(tmp_path / "runs" / "a", manifest.users)
    return tmp_path / "runs" / "a"


@pytest.fixture
def made(run: Path, manifest: Manifest, contents: dict[str, bytes]) -> Bundle:
    """Return a bundle that lies in the run that it was made from."""
    return write_bundle(run / "bundle", noting(manifest, write_run(run, manifest.users)), contents)


def noting(manifest: Manifest, hashes: dict[str, str]) -> Manifest:
    provenance = msgspec.structs.replace(manifest.provenance, run="..", run_sha256=hashes)
    return msgspec.structs.replace(manifest, provenance=provenance)


def test_a_bundle_finds_the_run_that_it_was_made_from(made: Bundle, run: Path) -> None:
    origin = find_origin(made)
    assert origin is not None
    assert (origin.path, origin.proved) == (run, True)


def test_a_run_of_other_users_is_refused_naming_both_and_the_command_that_helps(made: Bundle, run: Path) -> None:
    write_run(run, ("Xenia", "Yuri", "Zoe"))
    with pytest.raises(OtherRunError) as caught:
        find_origin(made)
    said = str(caught.value)
    assert caught.value.exit_code == 2
    for part in (*made.manifest.users, "Xenia, Yuri, Zoe", f"`inkgate quantize {run} --out {made.path}`"):
        assert part in said


def test_a_run_trained_anew_for_the_same_users_is_another_run(made: Bundle, run: Path) -> None:
    write_run(run, made.manifest.users, seed=2)
    with pytest.raises(OtherRunError, match=r"same names, but config\.json changed"):
        find_origin(made)


def test_a_run_whose_test_set_was_exchanged_is_another_run(made: Bundle, run: Path) -> None:
    (run / "test.npz").write_bytes(b"what somebody else wrote")
    with pytest.raises(OtherRunError, match=r"test\.npz changed"):
        find_origin(made)


def test_a_damaged_config_is_never_taken_for_the_run(made: Bundle, run: Path) -> None:
    (run / "config.json").write_bytes(b"\xff{")
    with pytest.raises(OtherRunError, match="not readable"):
        find_origin(made)


def test_writing_that_was_deleted_leaves_it_the_same_run(made: Bundle, run: Path) -> None:
    (run / "test.npz").unlink()
    assert find_origin(made) is not None


def test_where_no_run_lies_there_is_none(made: Bundle, run: Path) -> None:
    (run / "config.json").unlink()
    assert find_origin(made) is None


def test_where_a_bundle_notes_no_hash_the_names_of_the_users_are_compared(
    run: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    old = write_bundle(run / "bundle", noting(manifest, {}), contents)
    origin = find_origin(old)
    assert origin is not None
    assert not origin.proved
    write_run(run, (*manifest.users[:-1], "Zoe"))
    with pytest.raises(OtherRunError, match="Zoe"):
        find_origin(old)
