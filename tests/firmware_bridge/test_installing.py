"""The commands that messages propose for installing do install."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from firmware_bridge.installing import install_extra, install_package
from firmware_bridge.wire.definition import tomllib

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
SOURCES = [
    ROOT / "inkgate.py",
    *(p for d in ("train", "quantize", "edge", "firmware_bridge") for p in (ROOT / d).rglob("*.py")),
]


@pytest.fixture
def managed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make this Python look like the distribution's own, as on Debian 12 and Raspberry Pi OS."""
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))


def test_a_command_installs_into_the_python_that_runs_here() -> None:
    command = re.findall("`(.*?)`", install_package("ziglang"))[0]
    assert command.endswith(" -m pip install ziglang")
    version = command.replace("install ziglang", "--version")
    done = subprocess.run(["bash", "-c", version], capture_output=True, text=True, check=True)
    assert sys.prefix in done.stdout


@pytest.mark.usefixtures("managed")
def test_where_pip_refuses_to_install_a_virtual_environment_is_named() -> None:
    assert install_extra("edge").startswith("`python3 -m venv .venv && .venv/bin/pip install -c constraints.txt")
    assert install_package("ziglang").startswith("`make install`")


def test_every_extra_that_a_message_names_exists_and_no_message_names_a_package_index_that_has_no_inkgate() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    named = set(re.findall(r"install_extra\(['\"](\w+)['\"]\)", text))
    assert named
    assert named <= EXTRAS.keys()
    assert "inkgate[" not in text
    assert [path.name for path in SOURCES if "pip install" in path.read_text()] == []
