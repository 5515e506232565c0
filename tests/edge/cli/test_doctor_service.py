"""`inkgate doctor` on the service, as systemd tells of it, and on settings."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.cli.doctor import doctor, judge_service

SOUND = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "SubState": "running",
    "StatusText": "listening",
    "MainPID": "7",
    "NRestarts": "0",
    "Result": "success",
    "NeedDaemonReload": "no",
}


@pytest.mark.parametrize(
    ("differs", "state", "code", "told", "mend"),
    [
        ({}, "ok", 0, "active (running), listening", ""),
        ({"ActiveState": "activating", "SubState": "start"}, "ok", 0, "activating (start)", ""),
        ({"LoadState": "not-found"}, "skipped", 0, "sudo inkgate service install", ""),
        ({"LoadState": "masked"}, "broken", 2, "masked", "sudo systemctl unmask inkgate"),
        ({"LoadState": "bad-setting"}, "broken", 2, "bad-setting", "systemctl status inkgate"),
        ({"ActiveState": "failed", "Result": "exit-code"}, "broken", 3, "exit-code", "journalctl -u inkgate -n 20"),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "9", "Result": "watchdog"},
            "broken",
            3,
            "again and again: 9 times, last result watchdog",
            "journalctl -u inkgate -n 20",
        ),
        ({"ActiveState": "inactive", "SubState": "dead"}, "warning", 0, "dead", "sudo systemctl enable --now inkgate"),
        ({"UnitFileState": "disabled"}, "warning", 0, "not from boot on", "sudo systemctl enable inkgate"),
        ({"NeedDaemonReload": "yes"}, "warning", 0, "older unit", "sudo systemctl daemon-reload"),
    ],
)
def test_how_the_service_stands_is_told_with_what_mends_it(
    differs: dict[str, str], state: str, code: int, told: str, mend: str
) -> None:
    found = judge_service(SOUND | differs)
    assert (found.check, found.state.value, found.exit_code, found.mend) == ("service", state, code, mend)
    assert told in found.told


def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, *more: str) -> dict[str, dict[str, Any]]:
    """Return doctor's findings, with a systemctl that runs this program."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!{sys.executable}\n{program}\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(doctor, ["--json", *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return {row["check"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_where_the_service_runs_its_port_is_not_taken_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "\\n".join(f"{name}={value}" for name, value in SOUND.items())
    found = look(tmp_path, monkeypatch, f"print('{told}')", "--port", "/dev/null")
    assert found["service"]["state"] == "ok"
    assert "the service has its port" in found["board"]["told"]
    assert "port" not in found


def test_without_systemd_the_service_is_skipped_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(tmp_path, monkeypatch, "import sys; sys.exit('not booted with systemd')")
    assert found["service"]["state"] == "skipped"
    assert "not booted with systemd" in found["service"]["told"]
    assert found["board"]["told"].startswith("no port is named")


@pytest.mark.parametrize(
    ("name", "value", "state", "told"),
    [
        ("INKGATE_FAR", "0.02", "ok", "1 from $INKGATE_FAR"),
        ("INKGATE_PROT", "auto", "warning", "$INKGATE_PROT sets nothing; did you mean $INKGATE_PORT?"),
        ("INKGATE_ON_ACCEPT", "/nowhere/open 3", "broken", "/nowhere/open: there is no such program"),
        ("INKGATE_FAR", "3", "broken", "$INKGATE_FAR: far: 3.0 is not in the range"),
    ],
)
def test_settings_are_looked_at_with_the_place_that_each_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, state: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    found = look(tmp_path, monkeypatch, "raise SystemExit(1)")["settings"]
    assert (found["state"], told in found["told"]) == (state, True), found
