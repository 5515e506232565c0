"""Set up every test: hypothesis, empty key stores, the folder of the run, a table of measurements."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from hypothesis import settings
from once import run_folder

from edge.cli.settings import FOLDERS, SETTINGS, variable_of
from edge.config.files import VARIABLE

# No deadline: on two busy cores a single example may be slow, and what is tested is the result.
settings.register_profile("inkgate", deadline=None)
settings.load_profile("inkgate")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(needs)
    run_folder()  # here, so that the worker processes inherit it


@pytest.fixture(scope="session")
def _folder_of_keys() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _keys(_folder_of_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep commands under test, in this process and in others, away from the user's own keys and settings."""
    monkeypatch.setenv("INKGATE_KEYS", str(_folder_of_keys / secrets.token_hex(8)))
    monkeypatch.setenv("INKGATE_ROSTER_KEYS", str(_folder_of_keys / secrets.token_hex(8)))
    monkeypatch.setenv("INKGATE_SIGNING", str(_folder_of_keys / secrets.token_hex(8)))
    monkeypatch.setenv("INKGATE_STATE", str(_folder_of_keys / secrets.token_hex(8)))
    monkeypatch.setenv(VARIABLE, os.devnull)
    for key in set(SETTINGS) - set(FOLDERS):
        monkeypatch.delenv(variable_of(key), raising=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded under the property `measured`, in order."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured (against the budget)")
        for line in lines:
            terminalreporter.write_line(line)
