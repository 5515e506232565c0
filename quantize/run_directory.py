"""A run directory -> what quantising needs of it: users, plan, provenance and sets of fragments."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge.bundle.places import explain_no_run
from edge.ink.fragment_set import FragmentSet
from quantize.errors import RunError

CONFIG, PLAN, MODEL = "config.json", "plan.json", "model.keras"
CALIBRATION, DEVELOPMENT, TEST = "calibration.npz", "development.npz", "test.npz"


class RunConfig(msgspec.Struct, frozen=True):
    """The part of config.json that is read.

    user_writers: writer ids of users 0..K-1, in the order of the logits.
    """

    users: tuple[str, ...]
    user_writers: tuple[int, ...]
    pixel_bits: int
    seed: int
    draw: int = 0
    dataset: str = "unknown"
    data_sha256: str = ""
    versions: dict[str, str] = {}
    command: str = ""


@dataclass(frozen=True)
class Run:
    """A run directory whose config and plan were read."""

    path: Path
    config: RunConfig
    plan: dict[str, Any]

    @staticmethod
    def open(path: Path) -> "Run":
        """Read a run directory's config and plan.

        RunError, naming the file, if config.json or plan.json is missing, damaged or contradicts itself.
        """
        config = _read_json(path / CONFIG, RunConfig)
        if not config.users or len(config.users) != len(config.user_writers):
            raise RunError(
                f"{path / CONFIG}: {len(config.users)} users and {len(config.user_writers)} writer ids do not match"
            )
        return Run(path, config, _read_json(path / PLAN, dict[str, Any]))

    def fragments(self, name: str) -> FragmentSet | None:
        """Load one of the run's sets of fragments, None if the run has no such file."""
        path = self.path / name
        return FragmentSet.load(path) if path.is_file() else None

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file, by its name, from which a bundle is made."""
        names = (CONFIG, PLAN, MODEL, CALIBRATION, DEVELOPMENT, TEST)
        present = [name for name in names if (self.path / name).is_file()]
        return {name: hashlib.sha256((self.path / name).read_bytes()).hexdigest() for name in present}

    def draws(self) -> list[Path]:
        """Return the run directories of other draws of users, in the order of their numbers."""
        folder = self.path / "draws"
        found = [entry for entry in folder.iterdir() if (entry / CONFIG).is_file()] if folder.is_dir() else []
        return sorted(found, key=lambda entry: (len(entry.name), entry.name))


def relative(target: Path, start: Path) -> str:
    """Return the relative path from `start` to `target`: it stays valid if both are moved together."""
    return Path(os.path.relpath(target.resolve(), start.resolve())).as_posix()


def _read_json(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise RunError(explain_no_run(path.parent, f"{path.name}: {error.strerror}")) from error
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: {error}") from error
