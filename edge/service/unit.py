"""The program that a service runs -> its unit file, and where that stands."""

import os
import sys
from pathlib import Path
from typing import Final

from edge.errors import ServiceError
from firmware_bridge.files import read_file, writing
from firmware_bridge.trust.private_folder import replace_file

NAME: Final = "inkgate.service"
UNIT: Final = Path("/etc/systemd/system") / NAME
PACKAGED: Final = Path("/usr/lib/systemd/system") / NAME
"""Where the Debian package has its own, which one at UNIT would hide, also after the package is gone."""
_TEMPLATE: Final = Path(__file__).with_name(NAME)
_PLAIN: Final = (
    frozenset("/._-+@") | set(map(chr, range(0x30, 0x3A))) | set(map(chr, [*range(65, 91), *range(97, 123)]))
)
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""Folders that the service does not see (ProtectHome, PrivateTmp)."""


def program(given: Path | None = None) -> Path:
    """Return the program that the service runs: the one given, or this installation's `inkgate`.

    ServiceError if it is not there, has a name that a unit cannot hold, or lies where the service does not see it.
    """
    path = (given or Path(sys.executable).with_name("inkgate")).absolute()
    if not set(str(path)) <= _PLAIN:
        raise ServiceError(f"{path}: a unit cannot name it: install inkgate in a folder of plain letters: /opt/inkgate")
    for folder in (path, path.resolve()):
        if any(folder.is_relative_to(hidden) for hidden in _HIDDEN):
            raise ServiceError(
                f"{folder}: the service sees no homes and nobody's temporary files: install inkgate in /opt/inkgate "
                "(`sudo python3 -m venv /opt/inkgate`), or name such a program with --program"
            )
    return path


def require_program(path: Path) -> None:
    """Raise ServiceError unless there is a program that can be run."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ServiceError(f"{path}: there is no such program: name it with --program")


def unit(path: Path) -> str:
    """Return the text of the unit file for a program that was checked by `program`."""
    return _TEMPLATE.read_text().replace("@INKGATE@", str(path))


def install(text: str, to: Path, replace: bool) -> bool:
    """Write the unit file, 0644, whole or not at all; return whether that changed anything.

    ServiceError if another one is there, or the package's, and shall not be replaced; UnwritableError.
    """
    try:
        before = read_file(to).decode() if to.exists() else None
    except UnicodeDecodeError as error:
        raise ServiceError(f"{to}: is no unit file; --force does not replace it: remove it") from error
    except OSError as error:
        raise ServiceError(f"{to}: is no unit file: {error.strerror}: name another file with --to") from error
    if before == text:
        return False
    if to == UNIT and before is None and PACKAGED.exists() and not replace:
        raise ServiceError(
            f"{PACKAGED}: the package brought a unit: `sudo systemctl enable --now inkgate`; your own settings "
            "belong in `sudo systemctl edit inkgate`; --force writes another one that hides it"
        )
    if before is not None and not replace:
        raise ServiceError(
            f"{to}: another unit is there; your own settings belong in `sudo systemctl edit inkgate`; "
            "--force replaces it"
        )
    with writing(to, "give the command with sudo, or name another file with --to"):
        replace_file(to, to.with_name(f".{to.name}.fresh"), text.encode(), mode=0o644)
    return True
