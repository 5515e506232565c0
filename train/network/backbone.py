"""A folder <-> the backbone: convolutions, hidden layer and LSTM that tell writers apart.

The outputs, which name the writers that it was trained on, are no part of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.files import writing
from firmware_bridge.trust.private_folder import replace_file
from train.errors import BackboneError

Arrays = dict[str, NDArray[np.float32]]

SHIPPED = Path(__file__).with_name("backbones")


@dataclass(frozen=True)
class Backbone:
    """Weights by "layer/number", and a description: plan, pixel_bits, data, settings, command, date."""

    arrays: Mapping[str, NDArray[np.float32]]
    about: Mapping[str, Any]

    @property
    def pixel_bits(self) -> int:
        """Bits a pixel of the fragments that it was trained on."""
        return int(self.about["pixel_bits"])

    def save(self, folder: Path) -> None:
        """Write <folder>/backbone-<bits>bit.npz and .json, each whole or not at all. UnwritableError."""
        weights = folder / f"{_name(self.pixel_bits)}.npz"
        about = weights.with_suffix(".json")
        arrays: dict[str, Any] = dict(self.arrays)
        stored = io.BytesIO()
        np.savez_compressed(stored, **arrays)
        with writing(folder, "choose another --out"):
            folder.mkdir(parents=True, exist_ok=True)
            about.unlink(missing_ok=True)  # weights without a description are no backbone: a kill leaves no wrong pair
            for path, content in (
                (weights, stored.getvalue()),
                (about, (json.dumps(dict(self.about), indent=2) + "\n").encode()),
            ):
                replace_file(path, path.with_name(f".{path.name}.fresh"), content, mode=0o644)

    @staticmethod
    def load(pixel_bits: int, folder: Path = SHIPPED) -> Backbone:
        """Load the backbone for fragments of 1 or 8 bits a pixel.

        Raises BackboneError if the folder has none or it is damaged.
        """
        path = folder / f"{_name(pixel_bits)}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {key: stored[key].astype(np.float32) for key in stored.files}
            about = json.loads(path.with_suffix(".json").read_text())
        except FileNotFoundError as error:
            raise BackboneError(
                f"no backbone for {pixel_bits} bits a pixel in {folder}; `inkgate train --from-scratch` makes one"
            ) from error
        except Exception as error:  # zipfile, zlib and json each raise their own for a damaged file
            raise BackboneError(f"{path}: damaged ({error}); reinstall inkgate or train --from-scratch") from error
        return Backbone(arrays, about)


def extract(model: Any) -> Arrays:
    """Return the weights of a network's backbone layers, keyed "layer/number"."""
    return {
        f"{name}/{number}": np.asarray(weight, np.float32)
        for name in _layers(model)
        for number, weight in enumerate(model.get_layer(name).get_weights())
    }


def transfer(backbone: Mapping[str, NDArray[np.float32]], model: Any) -> None:
    """Set the weights of `model` to the backbone's.

    Layers whose width follows K take as many of the backbone's units as both have; units that the backbone lacks keep
    their random start. Raises BackboneError when the backbone lacks a layer or a kernel has another shape.
    """
    hidden = model.get_layer("fc").layer.units
    for name in _layers(model):
        own = model.get_layer(name).get_weights()
        given = [backbone.get(f"{name}/{number}") for number in range(len(own))]
        if any(weight is None for weight in given):
            raise BackboneError(f"the backbone has no layer {name}; make one for this plan with --from-scratch")
        merged = [_merge(name, mine, theirs, hidden) for mine, theirs in zip(own, given, strict=True)]
        model.get_layer(name).set_weights(merged)


def _merge(name: str, mine: NDArray[np.float32], theirs: Any, hidden: int) -> NDArray[np.float32]:
    """Return `mine` with the values of `theirs` where both have units.

    The four gates of an LSTM lie side by side in one array, so each gate is merged by itself.
    """
    if name.startswith("conv") or mine.shape == theirs.shape:
        if mine.shape != theirs.shape:
            raise BackboneError(
                f"the backbone's {name} is {theirs.shape}, the plan's {mine.shape}; make one with --from-scratch"
            )
        return np.asarray(theirs)
    if name == "fc":
        if mine.shape[:-1] != theirs.shape[:-1]:
            raise BackboneError(f"the backbone's {name} is {theirs.shape}, the plan's {mine.shape}: --from-scratch")
        mine, theirs = mine[..., None, :], theirs[..., None, :]
    else:
        mine = mine.reshape(*mine.shape[:-1], 4, -1)
        theirs = theirs.reshape(*theirs.shape[:-1], 4, -1)
    merged = mine.copy()
    common = tuple(slice(min(a, b)) for a, b in zip(mine.shape, theirs.shape, strict=True))
    merged[common] = theirs[common]
    return merged.reshape(*merged.shape[:-2], -1)


def _layers(model: Any) -> list[str]:
    """Return the names of the layers that have weights, except the outputs."""
    return [layer.name for layer in model.layers if layer.weights and layer.name != "logits"]


def _name(pixel_bits: int) -> str:
    return f"backbone-{pixel_bits}bit"
