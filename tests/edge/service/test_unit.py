"""The unit file, as systemd itself judges it, and what `inkgate service` makes of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.cli import service as service_command
from edge.errors import ServiceError
from edge.service import unit as unit_module
from edge.service.unit import program, unit
from firmware_bridge.errors import InkgateError
from inkgate import cli


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["service", *map(str, arguments)])


def analyze(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    file = tmp_path / "inkgate.service"
    file.write_text(unit(Path("/bin/true")))
    command = ["systemd-analyze", *arguments, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.needs("systemd-analyze")
def test_the_units_exposure_is_at_most_three(tmp_path: Path) -> None:
    done = analyze(tmp_path, "security", "--offline=true", "--no-pager")
    found = re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= 3.0


def test_the_unit_says_what_the_gate_promises() -> None:
    lines = invoke("show", "--program", "/opt/inkgate/bin/inkgate").stdout.splitlines()
    for line in ("Type=notify", "WatchdogSec=10", "Restart=always", "User=inkgate", "LimitCORE=0"):
        assert line in lines
    assert "ExecStart=/opt/inkgate/bin/inkgate run" in lines
    assert "ProcSubset=pid" not in lines, "without /proc/cpuinfo the interpreter leaves XNNPACK out on ARM"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/home/pi/venv/bin/inkgate", "sees no homes"),
        ("/opt/in kgate/bin/inkgate", "cannot name it"),
        ("/a/%h", "cannot"),
    ],
)
def test_a_program_that_the_service_could_not_run_is_refused(path: str, says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        program(Path(path))


def test_a_program_that_is_hidden_behind_a_link_is_refused(tmp_path: Path) -> None:
    assert tmp_path.is_relative_to("/tmp")
    result = invoke("show", "--program", tmp_path / "inkgate")
    assert isinstance(result.exception, ServiceError)


def test_installing_writes_once_and_replaces_another_unit_only_when_asked(tmp_path: Path) -> None:
    to = tmp_path / "inkgate.service"
    install = ("install", "--program", "/bin/true", "--to", to)
    written = json.loads(invoke(*install, "--json").stdout)
    assert (written["written"], to.stat().st_mode & 0o777) == (True, 0o644)
    assert to.read_text() == unit(Path("/bin/true"))
    assert "sudo systemctl enable --now inkgate" in written["next"]
    assert json.loads(invoke(*install, "--json").stdout)["written"] is False
    to.write_text("[Service]\nExecStart=/bin/mine\n")
    refused = invoke(*install)
    assert isinstance(refused.exception, ServiceError)
    assert "systemctl edit inkgate" in str(refused.exception)
    assert to.read_text().endswith("mine\n")
    assert invoke(*install, "--force").exit_code == 0
    assert to.read_text() == unit(Path("/bin/true"))
    assert [path.name for path in tmp_path.iterdir()] == ["inkgate.service"]


def test_the_packages_unit_is_not_hidden_by_another_unless_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, packaged = tmp_path / "etc.service", tmp_path / "usr.service"
    monkeypatch.setattr(unit_module, "UNIT", to)
    monkeypatch.setattr(unit_module, "PACKAGED", packaged)
    packaged.write_text("[Service]\n")
    refused = invoke("install", "--program", "/bin/true", "--to", to)
    assert isinstance(refused.exception, ServiceError)
    assert "sudo systemctl enable --now inkgate" in str(refused.exception)
    assert not to.exists()
    assert invoke("install", "--program", "/bin/true", "--to", to, "--force").exit_code == 0
    assert to.exists()


@pytest.mark.parametrize("kind", ["fifo", "binary"])
def test_what_is_no_unit_file_is_left_alone_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    to = tmp_path / "x.service"
    os.mkfifo(to) if kind == "fifo" else to.write_bytes(b"\xff\xfe")
    assert isinstance(invoke("install", "--program", "/bin/true", "--to", to, "--force").exception, ServiceError)
    assert [path.name for path in tmp_path.iterdir()] == ["x.service"]
    assert to.is_fifo() == (kind == "fifo")


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (("--program", "/opt/nothing/inkgate"), "no such program", 2),
        (("--to", "/nowhere/x.service"), "cannot be written", 3),
    ],
)
def test_what_cannot_be_installed_is_a_sentence(
    arguments: tuple[str, str], says: str, code: int, tmp_path: Path
) -> None:
    given = dict([("--program", "/bin/true"), ("--to", str(tmp_path / "x")), arguments])
    result = invoke("install", *[word for pair in given.items() for word in pair])
    assert isinstance(result.exception, InkgateError)
    assert result.exception.exit_code == code
    assert says in str(result.exception)


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [("active", 0, "listening"), ("failed", 1, "journalctl -u inkgate"), ("", 1, "sudo inkgate service install")],
)
def test_the_status_is_systemds_and_its_exit_code_says_whether_the_gate_runs(
    state: str, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    load = "loaded" if state else "not-found"
    told = f"LoadState={load}\\nActiveState={state or 'inactive'}\\nStatusText=listening\\nNRestarts=2\\n"
    systemctl.write_text(f"#!{sys.executable}\nprint('{told}', end='')\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = invoke("status")
    assert result.exit_code == code
    assert says in result.stderr
    assert json.loads(invoke("status", "--json").stdout)["running"] is (code == 0)


@pytest.mark.parametrize("there", [False, True], ids=["no systemctl", "one that answers nothing"])
def test_without_systemd_the_status_is_a_sentence(there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if there:
        (tmp_path / "systemctl").write_text(f"#!{sys.executable}\nimport sys; sys.exit('not booted with systemd')\n")
        (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = invoke("status")
    assert isinstance(result.exception, ServiceError)
    assert "`inkgate run`" in str(result.exception)
    assert service_command.NAME == "inkgate.service"
