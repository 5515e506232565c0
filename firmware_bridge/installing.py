"""The name of a missing package or extra -> the command that installs it into this Python."""

import shlex
import sys
import sysconfig
from pathlib import Path

SOURCES = "in inkgate's source folder"


def install_package(requirement: str) -> str:
    """Return the command, in backticks, that installs a package from an index, such as `ziglang`."""
    if _managed_by_system():
        return f"`make install` {SOURCES} (into a .venv with everything: this Python's packages are the system's)"
    return f"`{_pip()} install {shlex.quote(requirement)}`"


def install_extra(name: str) -> str:
    """Return the commands, in backticks, that install inkgate with what an extra of pyproject.toml lists.

    inkgate is on no package index, so the commands name its source folder.
    """
    pip = "python3 -m venv .venv && .venv/bin/pip" if _managed_by_system() else _pip()
    return f"""`{pip} install -c constraints.txt ".[{name}]"` {SOURCES}, or `make install` there for everything"""


def _pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip"


def _managed_by_system() -> bool:
    """Return whether pip refuses to install here.

    It does if the distribution has put a marker file there and this is no virtual environment.
    """
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return sys.prefix == sys.base_prefix and marker.is_file()
