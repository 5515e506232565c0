"""Whatever a command writes, where it cannot be written: one sentence that names it and says why, and exit code 3."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from journals import edit, write_journal

from edge.bundle.places import MANIFEST, SHIPPED
from edge.ink.fragment_set import FragmentSet
from train.synthetic.writers import synthetic_set

shipped = pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle")

WRITING = [
    "data export people.npz --out {place}/a.npz",
    "data info people.npz --png {place}/a.png",
    "journal export journal --out {place}/a.csv",
    "journal backup {place}/a --journal journal",
    "journal seal {place}/journal",
    "keys create --for images",
    "keys create --for bundles",
    "service install --program /bin/true --to {place}/inkgate.service",
    "attempts reset --board x --attempts {place}/attempts",
    pytest.param("demo --users 2 --out {place}/demo", marks=shipped),
    pytest.param("run --port x --idle-timeout 1 --roster enrolled --journal {place}/journal", marks=shipped),
]
"""Orders; in `{place}`, or in the folder of $INKGATE_SIGNING, nothing can be written."""


def full() -> None:
    """Let this process write no byte to any file, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


@shipped
@pytest.mark.parametrize("command", ["users add 0", "calibrate"])
@pytest.mark.parametrize("kept", ["roster", "keys"])
def test_a_roster_or_its_key_that_cannot_be_written_is_named(folder: Path, command: str, kept: str) -> None:
    roster = folder / ("place" if kept == "roster" else "") / "a.roster"
    environment = {"INKGATE_ROSTER_KEYS": str(folder / ("keys" if kept == "roster" else "place/keys"))}
    if kept == "keys":
        no_folder(folder / "place")
    else:
        (folder / "place").rmdir()
        (folder / "place").symlink_to("/proc")
    done = order(folder, f"{command} --from people.npz --roster {roster}", more=environment)
    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert "place" in done.stderr.splitlines()[-1]


def no_folder(place: Path) -> None:
    place.rmdir()
    place.touch()


def order(
    folder: Path, command: str, before: Callable[[], None] | None = None, more: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.CompletedProcess[str]":
    place = folder / "place"
    environment = {**os.environ, "INKGATE_SIGNING": str(place / "keys"), "PYTHONDONTWRITEBYTECODE": "1", **more}
    return subprocess.run(
        [sys.executable, "-m", "inkgate", *command.format(place=place).split()],
        cwd=folder, env=environment, preexec_fn=before, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def people() -> FragmentSet:
    return synthetic_set(3, 60, seed=3)


@pytest.fixture
def folder(tmp_path: Path, people: FragmentSet) -> Path:
    people.save(tmp_path / "people.npz")
    edit(write_journal(tmp_path / "journal"), "PRAGMA journal_mode = DELETE")  # to read it makes no file then
    (tmp_path / "place").mkdir()
    return tmp_path


@pytest.mark.parametrize("why", ["No space", "no folder"])
@pytest.mark.parametrize("command", WRITING)
def test_what_cannot_be_written_is_named_with_exit_code_3(folder: Path, command: str, why: str) -> None:
    if command.startswith("run "):
        assert order(folder, "users add 0 --from people.npz --roster enrolled").returncode == 0
    if why == "no folder":
        no_folder(folder / "place")
    done = order(folder, command, full if why == "No space" else None)
    assert "Traceback" not in done.stderr
    assert done.returncode == 3, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "place" in last
    if why == "no folder" and not command.startswith(("journal seal", "run", "attempts")):
        assert "Not a directory" in last or "File exists" in last
    assert not [path for path in (folder / "place").glob("*") if path.is_file() and path.stat().st_size]
    assert np.array_equal(FragmentSet.load(folder / "people.npz").pixels, synthetic_set(3, 60, seed=3).pixels)
