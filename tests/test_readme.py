"""The README's commands: those of its code blocks run in order, as written; mentioned ones exist."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

import inkgate
from firmware_bridge.build.compile import toolchains
from train.data.mnist import FILES, data_folder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(inkgate|make|python3?|pip) ")
PATIENCE_S = 600

NOT_RUN = {
    "make demo": "every step of it is a command of the path below; tests/train/demo/test_command.py",
    "make test": "it is what runs this",
    "make firmware": "tests/firmware builds every image; installs packages where it may",
    "inkgate train --dataset qmnist --users 10 --draws 5 --out runs/a && inkgate quantize runs/a --out runs/a/bundle": (
        "five times the enrolment of the path: 8 minutes of two cores; draws: tests/train/test_enrol.py"
    ),
    "inkgate capture --port auto --writer ada --out ours.npz": "a board; tests/edge/gate/test_capture.py",
    "inkgate train --dataset ours.npz --strangers synthetic --users 5 --out runs/ours": (
        "needs five people's captures; tests/train/cli/test_train.py and test_enrol.py"
    ),
    'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ".[edge]"': "downloads; tests/test_wheel.py",
    "inkgate firmware flash build/firmware/stm32f405-pen.img": "a board; firmware_bridge/cli/test_flash.py",
    "inkgate firmware flash build/firmware/rp2040-pen.uf2 --port auto": "a board; firmware_bridge/cli/test_flash.py",
    "inkgate firmware provision --port auto": "a board; tests/firmware_bridge/link/test_provision.py",
    "inkgate firmware monitor --port auto": "a board; tests/firmware_bridge/cli/test_firmware.py",
}
"""Commands of the code blocks that are not run as written -> why not, and which test does their work."""

Environment = Mapping[str, str]


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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder in which commands find what a checkout has."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("Makefile", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "runs").mkdir()
    return folder


@pytest.fixture(scope="module")
def environment(place: Path) -> Environment:
    """Return an environment with an empty home, this checkout's inkgate first on the path, and the data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INKGATE_", "XDG_"))}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    home = place / "home"
    home.mkdir()
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(home), "INKGATE_DATA": str(data_folder())}


def run_all(lines: list[str], place: Path, environment: Environment) -> None:
    """Run the lines one after the other, as a person types them; each must succeed."""
    with contextlib.ExitStack() as jobs:
        for line in lines:
            command = command_of(line)
            if command in NOT_RUN:
                continue
            if re.sub(r"\s+#.*$", "", line).endswith("&"):
                jobs.enter_context(in_background(line, place, environment))
                continue
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=PATIENCE_S, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            assert "Traceback" not in done.stderr


@contextlib.contextmanager
def in_background(line: str, place: Path, environment: Environment) -> Iterator[None]:
    """Start a line that ends with `&`, and wait for its board, as whoever types the next line does."""
    words = shlex.split(command_of(line))
    link = place / words[words.index("--link") + 1]
    job = subprocess.Popen(
        ["bash", "-c", f"{line}\nwait"],
        cwd=place, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end_s = time.monotonic() + PATIENCE_S
        while not link.is_symlink():
            assert job.poll() is None, f"{line}: ended with {job.returncode}"
            assert time.monotonic() < end_s, f"{line}: no {link}"
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGTERM)
        job.wait()


def block_with(command: str) -> list[str]:
    (found,) = (lines for lines in blocks() if any(command_of(line).startswith(command) for line in lines))
    return found


@pytest.fixture(scope="module")
def path_walked(place: Path, environment: Environment) -> None:
    """Run the commands of the path from handwriting to decisions."""
    folder = data_folder()
    missing = [source.path for source in FILES if not (folder / source.path).is_file()]
    if missing:
        pytest.skip(f"no {missing[0]} in {folder}: `inkgate data fetch` brings it, or INKGATE_DATA says where it is")
    run_all(block_with("inkgate adapt"), place, environment)


@pytest.mark.slow("enrols ten users of QMNIST as the README does")
@pytest.mark.usefixtures("path_walked")
def test_the_path_runs_as_it_is_written(place: Path) -> None:
    assert (place / "runs" / "a" / "bundle" / "report.html").is_file()
    assert "runs/a" in (place / "runs" / "a" / "bundle-evaluation" / "card.md").read_text()


@pytest.mark.slow("builds and emulates a board")
@pytest.mark.usefixtures("path_walked")
def test_the_commands_for_boards_run_as_they_are_written(place: Path, environment: Environment) -> None:
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: `make firmware` installs it")
    run_all(block_with("make firmware"), place, environment)


@pytest.mark.slow("builds an image and writes it")
def test_an_image_is_flashed_to_the_boot_loader_as_it_is_written(place: Path, environment: Environment) -> None:
    if not toolchains():
        pytest.skip("no compiler for the boards: arm-none-eabi-gcc, or ziglang")
    if not (place / "build" / "firmware" / "stm32f405-pen.img").is_file():
        run_all(["inkgate firmware build stm32f405 pen"], place, environment)
    run_all(block_with("python tests/support/chips/an3155.py"), place, environment)


def test_every_command_of_a_code_block_is_run_or_its_reason_is_listed() -> None:
    run = [block_with(first) for first in ("inkgate adapt", "make firmware", "python tests/support/chips/an3155.py")]
    covered = {command_of(line) for lines in run for line in lines} | NOT_RUN.keys()
    written = {command_of(line) for lines in blocks() for line in lines}
    assert sorted(written - covered) == []
    assert sorted(NOT_RUN.keys() - written) == [], "the README no longer has these"


def test_every_target_of_make_that_the_readme_names_exists(place: Path, environment: Environment) -> None:
    named = [text for text in mentioned() if text.startswith("make ")]
    named += [command_of(line) for lines in blocks() for line in lines if line.startswith("make ")]
    assert named
    for text in named:
        dry = re.sub(r"^make", "make --dry-run", text)
        done = subprocess.run(
            ["bash", "-c", dry], cwd=place, env=environment, capture_output=True, text=True, check=False
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


def test_completion_is_printed_as_mentioned(place: Path, environment: Environment) -> None:
    assert "inkgate completion bash" in mentioned()
    run_all(["inkgate completion bash"], place, environment)
