"""The marker `needs("gcc")` -> a test skipped where gcc is missing, and counted in the summary.

The summary says how many promises were not checked, and what each wants. A file must not skip itself as a whole: tests
that are never collected cannot be counted.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest


class Need(NamedTuple):
    there: Callable[[], bool]
    help: str


def _program(name: str, packages: str) -> Need:
    return Need(lambda: shutil.which(name) is not None, f"apt-get install --no-install-recommends {packages}")


def _module(name: str, requirement: str) -> Need:
    return Need(lambda: importlib.util.find_spec(name) is not None, f"pip install {requirement}")


def _data(folder: str) -> Need:
    return Need(lambda: (data_folder() / folder).is_dir(), "INKGATE_DATA names the folder that has it")


NEEDS: Final = {
    "dpkg-deb": _program("dpkg-deb", "dpkg"),
    "unshare": _program("unshare", "util-linux"),
    "systemd-analyze": _program("systemd-analyze", "systemd"),
    "gcc": _program("gcc", "gcc libc6-dev"),
    "arm-none-eabi-gcc": _program("arm-none-eabi-gcc", "gcc-arm-none-eabi"),
    "qemu-system-arm": _program("qemu-system-arm", "qemu-system-arm"),
    "cppcheck": _program("cppcheck", "cppcheck"),
    "ziglang": _module("ziglang", "ziglang"),
    "ai-edge-litert": _module("ai_edge_litert", "ai-edge-litert"),
    "omniglot": _data("omniglot"),
    "mnist": _data("mnist"),
    "qmnist": _data("qmnist"),
    "ink": _data("ink"),
}


def data_folder() -> Path:
    """Return the folder of real handwriting that INKGATE_DATA names, if it does."""
    return Path(os.environ.get("INKGATE_DATA", "nowhere"))


def require(*names: str) -> None:
    """Skip the running test unless all of these are there; the reason says what helps."""
    missing = [f"{name} ({NEEDS[name].help})" for name in names if not NEEDS[name].there()]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")


def require_packages(folder: Path) -> None:
    """Skip the running test unless pip can bring a package, which it puts into `folder`."""
    probe = [sys.executable, "-m", "pip", "download", "--retries", "0", "--no-deps", "--dest", folder, "click"]
    reached = subprocess.run(probe, capture_output=True, text=True, check=False)
    if reached.returncode != 0:
        pytest.skip(f"pip brings no package: {reached.stderr.strip().splitlines()[-1]}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


def not_checked(skipped: Iterable[Any]) -> list[str]:
    """Reports of skipped tests -> a line for each reason, the most frequent first."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    return [f"{count:5}  {reason}" for reason, count in reasons.most_common()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many promises were not checked on this machine, and what each of them wants."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"not checked here: {len(skipped)} promise{'s' * (len(skipped) > 1)}")
        for line in not_checked(skipped):
            terminalreporter.write_line(line)
