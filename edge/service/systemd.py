"""The service's name -> what systemd says of it."""

import shutil
import subprocess
from typing import Final

from edge.errors import ServiceError
from edge.service.notify import one_line
from edge.service.unit import NAME

_ASKED: Final = (
    "LoadState", "UnitFileState", "ActiveState", "SubState", "StatusText", "MainPID", "NRestarts", "Result",
    "NeedDaemonReload",
)  # fmt: skip
_PATIENCE_S: Final = 10


def ask() -> dict[str, str]:
    """Return the service's properties by systemd's names. ServiceError if there is no systemd to ask."""
    command = shutil.which("systemctl")
    if command is None:
        raise ServiceError("there is no systemctl here: a service needs systemd; without it, `inkgate run`")
    asked = [command, "show", NAME, *(f"--property={name}" for name in _ASKED)]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"systemctl does not answer ({error}): `systemctl status inkgate`") from error
    if done.returncode:
        raise ServiceError(
            f"systemd cannot be asked: {one_line(' '.join(done.stderr.split()))}; without it, `inkgate run`"
        )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: told.get(name, "") for name in _ASKED}


def is_running(told: dict[str, str]) -> bool:
    """Return whether the gate runs as a service, also while it opens everything anew."""
    return told["ActiveState"] in ("active", "reloading")
