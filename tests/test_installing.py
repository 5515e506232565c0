"""`install.sh` refuses an unfit system at once and by name; on a fit one it installs, updates and removes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install.sh"


def install(home: Path, *options: str, programs: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run install.sh with places below `home`; `programs` is a folder of commands that come before the system's."""
    path = os.pathsep.join(filter(None, (str(programs or ""), os.environ["PATH"])))
    places = ("--prefix", str(home / "inkgate"), *(() if "--uninstall" in options else ("--bin", str(home / "bin"))))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [SCRIPT, *places, *options],
        env=kept | {"PATH": path, "HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def stub(folder: Path, name: str, body: str) -> Path:
    """Put a command into a folder: a system that this machine is not cannot be had otherwise."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    return folder


def refused(done: subprocess.CompletedProcess[str], home: Path) -> str:
    """Return the one sentence of a refusal that has made nothing."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in home.iterdir() if path.name != "programs"] == []
    return done.stderr


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("getconf", '[ "$1" = LONG_BIT ] && echo 32 || echo "glibc 2.36"', "32-bit system"),
        ("getconf", "exit 1", "no GNU C library"),
        ("uname", "echo riscv64", "riscv64"),
    ],
    ids=["32-bit", "musl", "another-processor"],
)
def test_a_system_for_which_nothing_comes_is_refused_at_once(tmp_path: Path, name: str, body: str, said: str) -> None:
    programs = stub(tmp_path / "programs", name, body)
    told = refused(install(tmp_path, programs=programs), tmp_path)
    assert said in told
    assert "Raspberry Pi OS (64-bit)" in told or "x86-64" in told, "what helps"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("echo 64 3 9", "is Python 3.9: inkgate needs 3.10"),
        ("echo 32 3 11", "32-bit program"),
        ("exit 1", "does not run"),
    ],
)
def test_a_python_that_is_unfit_is_named(tmp_path: Path, version: str, said: str) -> None:
    programs = stub(tmp_path / "programs", "old", version)
    assert said in refused(install(tmp_path, "--python", "old", programs=programs), tmp_path)


@pytest.mark.parametrize("options", [("--colour",), ("--python",), ("--python", "")])
def test_a_wrong_option_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert "--help" in refused(install(tmp_path, *options), tmp_path)


def test_what_was_not_installed_from_here_stays(tmp_path: Path) -> None:
    (tmp_path / "inkgate").mkdir()
    (tmp_path / "inkgate" / "letter").write_text("mine")
    for options in ((), ("--uninstall",)):
        done = install(tmp_path, *options)
        assert done.returncode == 2
        assert "error: " in done.stderr
    assert (tmp_path / "inkgate" / "letter").read_text() == "mine"
    assert not (tmp_path / "bin").exists()


def test_another_command_of_that_name_stays(tmp_path: Path) -> None:
    other = stub(tmp_path / "bin", "inkgate", "echo another") / "inkgate"
    done = install(tmp_path)
    assert done.returncode == 2
    assert "another inkgate" in done.stderr
    assert "another" in other.read_text()
    assert not (tmp_path / "inkgate").exists()


def test_where_pip_fails_all_is_as_it_was(tmp_path: Path) -> None:
    venv = 'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"'
    answers = f'case "$2" in venv) {venv};; pip) echo ERROR: no network; exit 1;; *) echo 64 3 11;; esac'
    programs = stub(tmp_path / "programs", "broken", answers)
    done = install(tmp_path, "--python", "broken", programs=programs)
    assert done.returncode == 1, done.stderr
    assert "ERROR: no network" in done.stderr
    assert "pip could not install" in done.stderr
    assert not (tmp_path / "inkgate").exists()
    assert not (tmp_path / "bin" / "inkgate").exists()


@pytest.mark.slow("downloads what the gate needs, twice")
def test_it_is_installed_updated_and_removed(tmp_path: Path) -> None:
    probe = [sys.executable, "-m", "pip", "download", "--retries", "0", "--no-deps", "--dest", tmp_path / "p", "click"]
    reached = subprocess.run(probe, capture_output=True, text=True, check=False)
    if reached.returncode != 0:
        pytest.skip(f"pip brings no package: {reached.stderr.strip().splitlines()[-1]}")
    shutil.rmtree(tmp_path / "p")
    for _ in range(2):
        done = install(tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        told = subprocess.run([tmp_path / "bin" / "inkgate", "--version"], capture_output=True, text=True, check=True)
        assert told.stdout.startswith("inkgate, version")
    assert "complete" in (tmp_path / "share/bash-completion/completions/inkgate").read_text()
    packages = {path.name for path in (tmp_path / "inkgate").glob("lib/python3*/site-packages/*")}
    assert "ai_edge_litert" in packages
    assert "tensorflow" not in packages
    assert install(tmp_path, "--uninstall").returncode == 0
    left = [path for name in ("inkgate", "bin", "share") for path in (tmp_path / name).rglob("*")]
    assert [path for path in left if path.is_symlink() or not path.is_dir()] == []
    again = install(tmp_path, "--uninstall")
    assert (again.returncode, "nothing to remove" in again.stdout) == (0, True)
