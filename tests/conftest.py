"""What all tests share: how hypothesis runs, a key store that is nobody's, and a table of what was measured."""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from hypothesis import settings
from once import run_folder

# Two busy cores make any single example slow now and then; what is tested is what it does, not how long it takes.
settings.register_profile("inkgate", deadline=None)
settings.load_profile("inkgate")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(needs)
    run_folder()  # here, so that the processes which run the tests are given it


@pytest.fixture(scope="session")
def _folder_of_keys() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _keys(_folder_of_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands under test, in this process and in others, find and leave no keys in the user's own store."""
    monkeypatch.setenv("INKGATE_KEYS", str(_folder_of_keys / secrets.token_hex(8)))
    monkeypatch.setenv("INKGATE_STATE", str(_folder_of_keys / secrets.token_hex(8)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded under the property `measured`, in their order."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured (against the budget)")
        for line in lines:
            terminalreporter.write_line(line)
