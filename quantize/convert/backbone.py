"""A backbone's file -> the Keras network of its features, and what is known of it."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import SIDE
from firmware_bridge.files import read_file
from quantize.convert.tensorflow import import_tf_keras
from quantize.errors import BackboneFileError

STRUCTURE = ("side", "inputs", "maps", "kernel", "stride", "padding", "sides", "hidden")
"""Fields of a backbone's plan that its features are computed by; the others are about LSTM and outputs."""


@dataclass(frozen=True)
class BackboneFile:
    """A backbone as `inkgate train` has it.

    arrays: weights by "layer/number". about: its description. sha256: hashes of its two files, by name.
    """

    path: Path
    arrays: Mapping[str, npt.NDArray[np.float32]]
    about: Mapping[str, Any]
    sha256: Mapping[str, str]

    @staticmethod
    def read(path: Path) -> "BackboneFile":
        """Read BACKBONE.npz and BACKBONE.json beside it.

        BackboneFileError if one is missing or damaged, or if the plan is not that of convolutions without padding and a
        fully connected layer on fragments of this size.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
            if not all(np.issubdtype(array.dtype, np.floating) for array in arrays.values()):
                raise BackboneFileError(f"{path}: not a backbone, which has weights only; `inkgate pretrain` makes one")
            arrays = {key: array.astype(np.float32) for key, array in arrays.items()}
            described = path.with_suffix(".json")
            about = json.loads(described.read_text())
            sha256 = {file.name: hashlib.sha256(read_file(file)).hexdigest() for file in (path, described)}
            found = BackboneFile(path, arrays, about, sha256)
            layers = [f"conv{layer}" for layer in range(1, len(found.plan["maps"]) + 1)]
        except OSError as error:
            missing = f"{error.filename or path}: {error.strerror or error}"
            raise BackboneFileError(f"{path}: no backbone, which is an .npz and a .json ({missing})") from error
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise BackboneFileError(f"{path}: not a backbone, or a damaged one ({error})") from error
        lacking = [name for layer in (*layers, "fc") for name in (f"{layer}/0", f"{layer}/1") if name not in arrays]
        if lacking:
            raise BackboneFileError(f"{path}: the backbone lacks {', '.join(lacking)}")
        if (found.plan["padding"], found.plan["side"]) != (0, SIDE):
            raise BackboneFileError(f"{path}: a backbone with padding, or for fragments of another side than {SIDE}")
        return found

    @property
    def plan(self) -> dict[str, Any]:
        """Return the plan of a network that ends in the features: the backbone's, for no users."""
        return {"users": 0, **{name: self.about["plan"][name] for name in STRUCTURE}}

    @property
    def pixel_bits(self) -> Literal[1, 8]:
        """Return the bits a pixel of the fragments that it was trained on."""
        return 1 if self.about["pixel_bits"] == 1 else 8

    def network(self) -> Any:
        """Return the tf_keras network: float32 [batch, T, 33, 33, 1] in [0, 1] -> features [batch, T, F].

        Its layers are named as in a run's network. BackboneFileError if the weights do not fit the plan.
        """
        keras, plan = import_tf_keras(), self.plan
        layers, each = keras.layers, keras.layers.TimeDistributed
        word = x = layers.Input((None, SIDE, SIDE, 1))
        for number, maps in enumerate(plan["maps"], start=1):
            convolution = layers.Conv2D(maps, plan["kernel"], plan["stride"], activation="tanh")
            x = each(convolution, name=f"conv{number}")(x)
        x = each(layers.Flatten(), name="flatten")(x)
        x = each(layers.Dense(plan["hidden"], activation="tanh"), name="fc")(x)
        model = keras.Model(word, x)
        try:
            for layer in (layer for layer in model.layers if layer.weights):
                layer.set_weights([self.arrays[f"{layer.name}/0"], self.arrays[f"{layer.name}/1"]])
        except ValueError as error:
            raise BackboneFileError(f"{self.path}: the weights do not fit the plan ({error})") from error
        return model
