"""A bundle -> the run directory that it was made from, refused where another run lies there now."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.bundle import Bundle
from edge.bundle.run_directory import read_config
from edge.bundle.run_files import CONFIG
from edge.errors import OtherRunError, RunError
from firmware_bridge.files import read_file

_SHOWN_USERS = 4


@dataclass(frozen=True)
class Origin:
    """A bundle's run directory.

    proved: its files have the hashes that the manifest notes; if not proved, only the users' names agree.
    """

    path: Path
    proved: bool


def find_origin(bundle: Bundle) -> Origin | None:
    """Return the run that the bundle was made from, None if the bundle names none or no run lies there.

    OtherRunError where another run lies there. It is another run if a file does not have the hash that the manifest
    notes, or if its users have other names, which alone can tell where the manifest notes no hash of config.json. A
    file that is gone (handwriting that was deleted) does not make it another run.
    """
    provenance = bundle.manifest.provenance
    folder = _folder(bundle)
    if not provenance.run or not (folder / CONFIG).is_file():
        return None
    there = {name: sha256_of(folder / name) for name in provenance.run_sha256 if (folder / name).is_file()}
    changed = [name for name, digest in sorted(there.items()) if digest != provenance.run_sha256[name]]
    users = _users(folder)
    if changed or users != bundle.manifest.users:
        raise OtherRunError(_other_run(bundle, folder, changed, users))
    return Origin(folder, proved=CONFIG in there)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file of a run. OtherRunError if it cannot be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except OSError as error:
        raise OtherRunError(f"{path}: cannot be read: {error.strerror}") from error


def _other_run(bundle: Bundle, folder: Path, changed: list[str], users: tuple[str, ...] | None) -> str:
    if users == bundle.manifest.users:
        difference = f"the users have the same names, but {', '.join(changed)} changed since"
    else:
        difference = f"the bundle's users are {_listed(bundle.manifest.users)}, the run's {_listed(users)}"
    return (
        f"{bundle.path}: was made from another run than the one in {folder} now: {difference}; "
        f"`inkgate quantize {folder} --out {bundle.path}` replaces the bundle by that run's own; to keep the "
        "old one, move it away first"
    )


def _listed(users: tuple[str, ...] | None) -> str:
    if users is None:
        return "not readable"
    more = f" and {len(users) - _SHOWN_USERS} more" if len(users) > _SHOWN_USERS else ""
    return f"{', '.join(users[:_SHOWN_USERS])}{more}"


def _users(folder: Path) -> tuple[str, ...] | None:
    """Return the names of the run's users, None where its config.json is damaged."""
    try:
        return read_config(folder).users
    except RunError:
        return None


def _folder(bundle: Bundle) -> Path:
    """Return the run's folder by its short path: `runs/a`, not `runs/a/bundle/..`.

    The long path is kept where the two do not lead to the same place.
    """
    full = bundle.path / bundle.manifest.provenance.run
    short = Path(os.path.normpath(full))
    return short if full.exists() and short.exists() and short.samefile(full) else full
