"""`install.sh` refuses an unfit system at once and by name; on a fit one it installs, updates and removes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import require_packages

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


def test_a_runtime_that_does_not_come_for_this_python_or_at_all_is_named(tmp_path: Path) -> None:
    programs = stub(tmp_path / "programs", "newer", "echo 64 3 13")
    told = refused(install(tmp_path, "--python", "newer", "--runtime", "tflite-runtime", programs=programs), tmp_path)
    assert "tflite-runtime comes for Python 3.11 at most, and newer is 3.13" in told
    told = refused(install(tmp_path, "--python", "newer", "--runtime", "onnx", programs=programs), tmp_path)
    assert "there is no runtime onnx: ai-edge-litert or tflite-runtime" in told


@pytest.mark.parametrize(
    ("options", "extra", "constraints"),
    [
        ((), "[edge]", "constraints.txt"),
        (("--runtime", "tflite-runtime"), "[edge-tflite-runtime]", "constraints-tflite-runtime.txt"),
    ],
)
def test_each_runtime_comes_with_its_own_versions(
    tmp_path: Path, options: tuple[str, ...], extra: str, constraints: str
) -> None:
    asked = tmp_path / "asked"
    programs = stand_in(tmp_path / "programs", f'echo "$@" >{asked}')
    done = install(tmp_path, "--python", "other", *options, programs=programs)
    assert done.returncode == 0, done.stderr
    assert extra in asked.read_text()
    assert f"/{constraints} " in asked.read_text()


def test_what_both_runtimes_need_has_the_same_versions() -> None:
    """Only numpy differs: tflite-runtime is built for numpy 1."""
    pins = [
        dict(line.split("==") for line in (SCRIPT.parent / name).read_text().splitlines() if "==" in line)
        for name in ("constraints.txt", "constraints-tflite-runtime.txt")
    ]
    differing = {name for name, version in pins[1].items() if pins[0].get(name) != version}
    assert differing == {"numpy", "tflite", "tflite-runtime"}
    assert pins[1]["numpy"].startswith("1.")


def test_a_trial_in_a_raspberry_pis_debian_says_what_it_needs(tmp_path: Path) -> None:
    pi, nothing = SCRIPT.parent / ".ci" / "pi", {"PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, pi], env=nothing, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "apt-get install --no-install-recommends mmdebstrap" in done.stderr
    assert done.stderr.count("\n") == 1


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


def test_a_place_where_nothing_can_be_made_is_a_sentence(tmp_path: Path) -> None:
    whole = stand_in(tmp_path / "programs", "true")
    done = install(tmp_path, "--python", "other", "--prefix", "/proc/inkgate", programs=whole)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: /proc")
    assert done.stderr.count("\n") == 1
    assert stands(tmp_path) == []


def test_another_command_of_that_name_stays(tmp_path: Path) -> None:
    other = stub(tmp_path / "bin", "inkgate", "echo another") / "inkgate"
    done = install(tmp_path)
    assert done.returncode == 2
    assert "another inkgate" in done.stderr
    assert "another" in other.read_text()
    assert not (tmp_path / "inkgate").exists()


def test_where_pip_fails_all_is_as_it_was(tmp_path: Path) -> None:
    programs = stand_in(tmp_path / "programs", "echo ERROR: no network; exit 1")
    done = install(tmp_path, "--python", "other", programs=programs)
    assert done.returncode == 1, done.stderr
    assert "ERROR: no network" in done.stderr
    assert "pip could not install" in done.stderr
    assert not (tmp_path / "inkgate").exists()
    assert not (tmp_path / "bin" / "inkgate").exists()


def stand_in(folder: Path, at_pip: str) -> Path:
    """Put a Python into a folder whose environments are empty and whose pip does what is given."""
    venv = 'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf "#!/bin/sh\necho inkgate\n" >"$3/bin/inkgate"'
    answers = f'case "$2" in venv) {venv}; chmod +x "$3/bin/inkgate";; pip) {at_pip};; *) echo 64 3 11;; esac'
    return stub(folder, "other", answers)


def stands(home: Path) -> list[str]:
    """Return every file that an installation has put below `home`, leftovers too; stand-ins left out."""
    there = [path.relative_to(home) for path in home.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted(str(path) for path in there if not path.parts[0].startswith("programs"))


@pytest.mark.parametrize("already", [False, True], ids=["at first", "at an update"])
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_an_installation_cut_off_is_taken_up_by_the_next_or_removed(tmp_path: Path, already: bool, signal: str) -> None:
    whole = stand_in(tmp_path / "programs", "true")
    if already:
        assert install(tmp_path, "--python", "other", programs=whole).returncode == 0
        (tmp_path / "inkgate" / "earlier").touch()
    cut = stand_in(tmp_path / "programs-cut", f"kill -{signal} $PPID; sleep 0.2; exit 1")
    assert install(tmp_path, "--python", "other", programs=cut).returncode != 0
    if signal == "TERM":
        assert (tmp_path / "inkgate" / "earlier").exists() == already
        assert (tmp_path / "inkgate").exists() == already
    done = install(tmp_path, "--python", "other", programs=whole)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "inkgate" / "earlier").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    install(tmp_path, "--python", "other", programs=cut)
    assert install(tmp_path, "--uninstall").returncode == 0
    assert stands(tmp_path) == []


def test_an_update_with_another_folder_of_commands_leaves_no_link_behind(tmp_path: Path) -> None:
    whole = stand_in(tmp_path / "programs", "true")
    assert install(tmp_path, "--python", "other", programs=whole).returncode == 0
    again = install(tmp_path, "--python", "other", "--bin", str(tmp_path / "b" / "bin"), programs=whole)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "b" / "bin" / "inkgate").exists()
    assert not (tmp_path / "bin" / "inkgate").is_symlink()
    assert install(tmp_path, "--uninstall").returncode == 0
    assert stands(tmp_path) == []


@pytest.mark.slow("downloads what the gate needs, twice")
def test_it_is_installed_updated_and_removed(tmp_path: Path) -> None:
    require_packages(tmp_path / "probe")
    shutil.rmtree(tmp_path / "probe")
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
