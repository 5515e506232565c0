"""The README's commands: those of its code blocks run in order, as written; mentioned ones exist."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from once import once

import inkgate
from edge.bundle.run_directory import Run
from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import toolchains
from firmware_bridge.trust.folder import data_folder
from train.data.mnist import FILES
from train.synthetic.writers import synthetic_set

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(inkgate|make|python3?|pip) ")
PATIENCE_S = 600

NOT_RUN = {
    "make demo": (
        "ten enrolments and a verification, 20 s of a quiet core; with three users it is run by "
        "tests/train/demo/test_command.py"
    ),
    "make test": "it is what runs this",
    "make deb": "tests/e2e/test_deb.py makes the package, installs and purges it",
    "sudo ./install.sh": "it would write to this machine; tests/test_installing.py installs elsewhere",
    "inkgate capture --port auto --writer ada --out ours.npz": (
        "a board: `auto` finds USB devices, a virtual board is none; tests/edge/gate/test_capture.py"
    ),
    "inkgate capture --port auto --writer guest1 --out others.npz": (
        "a board, as above; tests/edge/gate/test_capture.py"
    ),
    "inkgate firmware flash build/firmware/stm32f405-pen.img": "a board; tests/firmware_bridge/cli/test_flash.py",
    "inkgate firmware flash build/firmware/rp2040-pen.uf2 --port auto": (
        "a board; tests/firmware_bridge/cli/test_flash.py"
    ),
    "inkgate firmware provision --board rp2040 --port auto": "a board; tests/firmware_bridge/cli/test_provision.py",
    "inkgate firmware monitor --port auto": "a board; tests/firmware_bridge/cli/test_firmware.py",
}
"""Commands of the code blocks that are not run as written -> why not, and which test does their work."""

FIRMWARE = "make firmware"
OWN_WRITERS = "inkgate train --dataset ours.npz --strangers others.npz --users 5 --out runs/ours"
GATE_ALONE = 'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ".[edge]"'
ALONE = (FIRMWARE, OWN_WRITERS, GATE_ALONE)
"""Commands that a test of their own runs, apart from the others of their block."""

BLOCKS = ("inkgate users add", "inkgate adapt", "inkgate firmware build", "python tests/support/chips/an3155.py")
"""How a command begins of each block that is run as a block."""

BUILT_FROM = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "inkgate.py")
PACKAGES = ("train", "quantize", "edge", "firmware_bridge")


def command_of(line: str) -> str:
    """Return a line of a code block without its comment and the `&` of a background job."""
    return re.sub(r"\s+#.*$|\s*&$", "", re.sub(r"\s+#.*$", "", line)).strip()


def blocks() -> list[list[str]]:
    """Return the lines of every code block that holds commands."""
    found = ([line for line in block.splitlines() if line.strip()] for block in FENCE.findall(README))
    return [lines for lines in found if any(COMMAND.match(line) for line in lines)]


def mentioned() -> list[str]:
    """Return the commands in running text."""
    spans = re.findall(r"`([^`]+)`", FENCE.sub("", README))
    return [text for text in (" ".join(span.split()) for span in spans) if COMMAND.match(text)]


def block_with(command: str) -> list[str]:
    """Return the lines of the one block that has such a command, without those that are not run with it."""
    (found,) = (lines for lines in blocks() if any(command_of(line).startswith(command) for line in lines))
    return [line for line in found if command_of(line) not in (*NOT_RUN, *ALONE)]


def line_of(command: str) -> str:
    """Return the one line that has this command, with its comment."""
    (found,) = (line for lines in blocks() for line in lines if command_of(line) == command)
    return found


def checkout(folder: Path) -> Path:
    """Put into a folder what the commands find in a checkout, and return it."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tests"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("runs", "home"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return checkout(tmp_path)


def environment_in(place: Path) -> dict[str, str]:
    """Return an environment with an empty home, this checkout's inkgate first on the path, and the data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INKGATE_", "XDG_", "VENV"))}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    home = str(place / "home")
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": home, "INKGATE_DATA": str(data_folder())}


def run_all(lines: list[str], place: Path, **more: str) -> str:
    """Run the lines as a block that is pasted into a shell; each must succeed. Return what they print.

    `more` are variables of the environment. What still runs in the background at the end is ended.
    """
    end_jobs = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT"
    script, log = place / "block.sh", place / "block.log"
    script.write_text("\n".join((end_jobs, "set -ev", *lines, "")))
    with log.open("w") as output:
        shell = subprocess.Popen(
            ["bash", script],
            cwd=place, env={**environment_in(place), **more}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            code = shell.wait(PATIENCE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    printed = log.read_text()
    assert code == 0, printed[-4000:]
    assert "Traceback" not in printed, printed[-4000:]
    return printed


def test_users_are_enrolled_in_the_ready_bundle_as_it_is_written(place: Path) -> None:
    printed = run_all(block_with("inkgate users add"), place)
    assert "ACCEPT ada" in " ".join(printed.split())
    assert "REJECT" in printed


@pytest.fixture(scope="module")
def walked() -> Path:
    """Return the folder in which the path from handwriting to decisions was walked, once for all processes."""
    folder = data_folder()
    missing = [source.path for source in FILES if not (folder / source.path).is_file()]
    if missing:
        pytest.skip(f"no {missing[0]} in {folder}: `inkgate data fetch` brings it, or INKGATE_DATA says where it is")
    return once("readme", walk)


def walk(folder: Path) -> Path:
    run_all(block_with("inkgate adapt"), checkout(folder))
    return folder


@pytest.mark.slow("enrols ten users of QMNIST as the README does")
def test_the_path_runs_as_it_is_written(walked: Path) -> None:
    assert (walked / "runs" / "a" / "bundle" / "report.html").is_file()
    assert "runs/a" in (walked / "runs" / "a" / "bundle-evaluation" / "card.md").read_text()


@pytest.mark.slow("builds and emulates a board; waits for the path")
@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_the_commands_for_boards_run_as_they_are_written(walked: Path) -> None:
    printed = run_all(block_with("inkgate firmware build"), walked)
    decisions = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [each["decision"] for each in decisions if each["final"]] == ["REJECT"], "as the README's comment says"


@pytest.mark.slow("builds every image")
@pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_make_firmware_builds_every_image(place: Path) -> None:
    (place / ".venv").symlink_to(sys.prefix)
    question = ["make", "--question", ".venv/.inkgate-installed"]
    fresh = subprocess.run(question, cwd=place, env=environment_in(place), check=False)
    if fresh.returncode != 0:  # it would install into the environment that runs this
        pytest.skip("needs an environment of `make install`, made from pyproject.toml and constraints.txt as they are")
    run_all([line_of(FIRMWARE)], place)
    built = [path.name for path in (place / "build" / "firmware").iterdir()]
    assert [board for board in BOARDS if not any(name.startswith(f"{board}-") for name in built)] == []


@pytest.mark.slow("enrols five invented users")
def test_a_run_of_ones_own_writers_is_trained_as_it_is_written(place: Path) -> None:
    names = ("ada", "ben", "cleo", "dan", "eve")
    replace(synthetic_set(5, 60, seed=7), writer_names=names).of_kind("pen").save(place / "ours.npz")
    synthetic_set(30, 60, seed=8).of_kind("pen").save(place / "others.npz")
    run_all([line_of(OWN_WRITERS)], place)
    assert Run.open(place / "runs" / "ours").config.users == names


@pytest.mark.slow("downloads what the gate needs")
def test_the_gate_alone_is_installed_as_it_is_written_and_runs_without_tensorflow(place: Path) -> None:
    for name in BUILT_FROM:
        (place / name).unlink(missing_ok=True)
        shutil.copy(ROOT / name, place)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    probe = [sys.executable, "-m", "pip", "download", "--retries", "0", "--no-deps", "--dest", place / "probe", "click"]
    reached = subprocess.run(probe, env=environment_in(place), capture_output=True, text=True, check=False)
    if reached.returncode != 0:
        pytest.skip(f"pip brings no package: {reached.stderr.strip().splitlines()[-1]}")
    run_all([line_of(GATE_ALONE)], place)
    assert "Decide who writes" in run_all([".venv/bin/inkgate run --help"], place, PYTHONPATH="")
    packages = run_all([".venv/bin/pip list"], place, PYTHONPATH="").casefold()
    assert "\nai-edge-litert " in packages
    assert "tensorflow" not in packages


@pytest.mark.slow("builds an image and writes it")
def test_an_image_is_flashed_to_the_boot_loader_as_it_is_written(place: Path) -> None:
    if not toolchains():
        pytest.skip("no compiler for the boards: arm-none-eabi-gcc, or ziglang")
    run_all(["inkgate keys create --for images", "inkgate firmware build stm32f405 pen"], place)
    run_all(block_with("python tests/support/chips/an3155.py"), place)


def test_every_command_of_a_code_block_is_run_or_its_reason_is_listed() -> None:
    covered = {command_of(line) for first in BLOCKS for line in block_with(first)} | {*NOT_RUN, *ALONE}
    written = {command_of(line) for lines in blocks() for line in lines}
    assert sorted(written - covered) == []
    assert sorted({*NOT_RUN, *ALONE} - written) == [], "the README no longer has these"


def test_every_target_of_make_that_the_readme_names_exists(place: Path) -> None:
    named = [text for text in mentioned() if text.startswith("make ")]
    named += [command_of(line) for lines in blocks() for line in lines if line.startswith("make ")]
    assert named
    for text in named:
        dry = re.sub(r"^make", "make --dry-run", text)
        done = subprocess.run(
            ["bash", "-c", dry], cwd=place, env=environment_in(place), capture_output=True, text=True, check=False
        )
        # The target's prerequisites may be missing in this folder, but not the target itself.
        assert "No rule to make target `" not in done.stderr, text
        assert f"No rule to make target '{text.split()[1]}'" not in done.stderr, text


@pytest.mark.parametrize("text", sorted({*mentioned(), *NOT_RUN}))
def test_a_command_that_is_mentioned_has_the_options_that_it_is_given(text: str) -> None:
    for part in text.split("&&"):
        words = part.replace("...", "").split()
        if words[:1] == ["python"]:
            assert (ROOT / words[1]).is_file()
        if words[:1] != ["inkgate"]:
            continue
        command: click.Command = inkgate.cli
        rest = words[1:]
        while isinstance(command, click.Group) and rest:
            found = command.get_command(click.Context(command), rest.pop(0))
            assert found is not None, text
            command = found
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= {*known, "--help"}


def test_completion_is_printed_as_mentioned(place: Path) -> None:
    assert "inkgate completion bash" in mentioned()
    assert "complete -" in run_all(["inkgate completion bash"], place)
