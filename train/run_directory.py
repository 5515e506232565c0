"""A trained network and all that reproduces it <-> the files of a run directory.

RUN/  plan.json        the ArchitecturePlan
      config.json      users, data and its hash, seed, draw, settings, backbone, versions, command
      model.keras      the network: float32 [batch, T, 33, 33, 1] in [0, 1] -> logits [batch, T, K + 1]
      enrol.npz        the users' fragments that the network was enrolled from
      calibration.npz  the fragments of enrol.npz and of background writers, for calibrating int8
      development.npz  fragments of strangers who fix the thresholds and serve for nothing else
      test.npz         the users' other fragments, and those of strangers never seen before
      history.json     losses by step;  metrics.json, card.md, *.svg: see `inkgate evaluate`
      draws/N/         the same for another draw of users
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from edge.bundle.places import explain_no_run
from edge.errors import FragmentSetError
from edge.ink.fragment_set import FragmentSet
from train.errors import PlanError, RunError, UnwritableError
from train.plan.architecture import ArchitecturePlan
from train.tensorflow_loading import load_tensorflow

PLAN, CONFIG, MODEL, HISTORY, METRICS, CARD = (
    "plan.json",
    "config.json",
    "model.keras",
    "history.json",
    "metrics.json",
    "card.md",
)
EVALUATION = (METRICS, CARD, "det.svg", "eer.svg", "losses.svg")
ENROL, CALIBRATION, DEVELOPMENT, TEST = "enrol.npz", "calibration.npz", "development.npz", "test.npz"

_VERSIONED = ("inkgate", "tensorflow", "tf_keras", "numpy")


FAR_SCOPE = (
    "A FAR holds for strangers whose writing comes from the source it was measured on, and is unknown elsewhere: "
    "enrolled with one's own pen, a gate set to 1 % accepted 97 % of real strangers' words of 8 symbols"
)
"""Caveat wherever a FAR could be taken to hold for all strangers."""


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of config.json.

    users: names in label order. user_writers: their ids in the sets of fragments. strangers: the source of everybody
    who is no user, None where that is the dataset itself.
    """

    users: tuple[str, ...]
    user_writers: tuple[int, ...]
    pixel_bits: int
    dataset: str
    data_sha256: str
    seed: int
    draw: int
    settings: dict[str, Any]
    backbone: dict[str, Any]
    versions: dict[str, str]
    command: str
    created: str
    strangers: str | None = None


@dataclass(frozen=True)
class Run:
    """A run directory whose config and plan were read and fit each other."""

    path: Path
    config: RunConfig
    plan: ArchitecturePlan

    @staticmethod
    def open(path: Path) -> Run:
        """Read a run directory. Raises RunError, which names the file, if it is no complete run."""
        try:
            config = msgspec.json.decode((path / CONFIG).read_bytes(), type=RunConfig)
            plan = ArchitecturePlan.from_dict(msgspec.json.decode((path / PLAN).read_bytes(), type=dict[str, Any]))
        except OSError as error:
            missing = f"{Path(str(error.filename)).name}: {error.strerror}"
            raise RunError(explain_no_run(path, missing)) from error
        except (ValueError, PlanError) as error:
            raise RunError(f"{path}: damaged run: {error}; train it again") from error
        if len(config.users) != plan.users or len(config.user_writers) != plan.users:
            raise RunError(f"{path}: {len(config.users)} users where the plan has {plan.users}; train it again")
        return Run(path, config, plan)

    def fragments(self, name: str) -> FragmentSet:
        """Load a set of fragments of the run by its file's name. RunError if it is missing or damaged."""
        try:
            return FragmentSet.load(self.path / name)
        except FragmentSetError as error:
            raise RunError(f"the run is not whole: {error}; `inkgate train --out {self.path}` makes it anew") from error

    def model(self) -> Any:
        """Load the trained network. RunError if it is missing, damaged or no network of the run's plan."""
        load_tensorflow()
        import tf_keras

        path = self.path / MODEL
        try:
            model = tf_keras.models.load_model(path, compile=False)
        except Exception as error:  # zipfile, h5py, json and Keras each raise their own
            raise RunError(
                f"{path}: missing or damaged ({type(error).__name__}); `inkgate train --out {self.path}` makes it anew"
            ) from error
        if model.output_shape[-1] != self.plan.outputs:
            raise RunError(f"{path}: {model.output_shape[-1]} outputs where the plan has {self.plan.outputs}")
        return model

    def draws(self) -> list[Run]:
        """Return this run, then the runs of other draws of users below it, in order."""
        folder = self.path / "draws"
        others = [entry for entry in folder.glob("*") if (entry / CONFIG).is_file()] if folder.is_dir() else []
        return [self, *(Run.open(entry) for entry in sorted(others, key=lambda e: (len(e.name), e.name)))]


def write_run(
    path: Path,
    config: RunConfig,
    plan: ArchitecturePlan,
    model: Any,
    sets: dict[str, FragmentSet],
    history: Sequence[tuple[int, float]],
) -> Run:
    """Write a run and return it; config.json comes last, so that a directory with it is complete.

    First the evaluation of an earlier run in the same place is deleted with its config.json.
    """
    path.mkdir(parents=True, exist_ok=True)
    for stale in (CONFIG, *EVALUATION):
        (path / stale).unlink(missing_ok=True)
    for name, fragments in sets.items():
        fragments.save(path / name)
    model.save(path / MODEL)
    write_json(path / PLAN, plan.to_dict())
    write_json(path / HISTORY, list(history))
    (path / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
    return Run.open(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a newline at its end."""
    path.write_text(json.dumps(value, indent=2) + "\n")


def require_writable(folder: Path, option: str) -> None:
    """Raise UnwritableError, which names the option, if the folder cannot be made or written to.

    Nothing is made.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UnwritableError(f"{folder}: cannot be written to; choose another {option}")


def versions() -> dict[str, str]:
    """Return the versions of the packages that a run's numbers depend on, by package."""
    return {name: metadata.version(name) for name in _VERSIONED}


def utc_now() -> str:
    """Return the date and time in UTC, to the second, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
