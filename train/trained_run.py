"""A trained network and all that reproduces it -> the files of a run directory, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from edge.bundle.run_directory import Run, RunConfig
from edge.bundle.run_files import CONFIG, EVALUATION, HISTORY, MODEL, PLAN
from edge.errors import RunError
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.files import require_writable_place, writing
from train.errors import PlanError
from train.plan.architecture import ArchitecturePlan
from train.tensorflow_loading import load_tensorflow

_VERSIONED = ("inkgate", "tensorflow", "tf_keras", "numpy")

FAR_SCOPE = (
    "A FAR holds for strangers whose writing comes from the source it was measured on, and is unknown elsewhere: "
    "enrolled with one's own pen, a gate set to 1 % accepted 97 % of real strangers' words of 8 symbols"
)
"""Caveat wherever a FAR could be taken to hold for all strangers."""


def plan_of(run: Run) -> ArchitecturePlan:
    """Return the run's plan. RunError if it describes no network."""
    try:
        return ArchitecturePlan.from_dict(run.plan)
    except PlanError as error:
        raise RunError(f"{run.path / PLAN}: damaged run: {error}; train it again") from error


def load_model(run: Run) -> Any:
    """Load the trained network of a run.

    RunError if it is missing, damaged or no network of the run's plan.
    """
    outputs = plan_of(run).outputs
    load_tensorflow()
    import tf_keras

    path = run.path / MODEL
    try:
        model = tf_keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json and Keras each raise their own
        raise RunError(
            f"{path}: missing or damaged ({type(error).__name__}); `inkgate train --out {run.path}` makes it anew"
        ) from error
    if model.output_shape[-1] != outputs:
        raise RunError(f"{path}: {model.output_shape[-1]} outputs where the plan has {outputs}")
    return model


def write_run(
    path: Path,
    config: RunConfig,
    plan: ArchitecturePlan,
    model: Any,
    sets: dict[str, FragmentSet],
    history: Sequence[tuple[int, float]],
) -> Run:
    """Write a run and return it; config.json comes last, so that a directory with it is complete.

    First the evaluation of an earlier run in the same place is deleted with its config.json. UnwritableError.
    """
    with writing(path, "choose another --out"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds handwriting, which is biometric
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


def require_writable_run(folder: Path, option: str) -> None:
    """Raise UnwritableError, which names the option, if the folder cannot be made or written to.

    Nothing is made.
    """
    require_writable_place(folder, f"choose another {option}")


def versions() -> dict[str, str]:
    """Return the versions of the packages that a run's numbers depend on, by package."""
    return {name: metadata.version(name) for name in _VERSIONED}


def utc_now() -> str:
    """Return the date and time in UTC, to the second, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
