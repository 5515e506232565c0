"""A recipe -> tiny_model.tflite: a small network of the shipped structure, 3 users, random weights.

`python tests/support/tiny_model.py` makes it anew, and tiny_model.json, which notes recipe and versions. The model is
kept in the repository so that the tests of the edge run where TensorFlow is not installed, as the edge itself does.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

USERS = 3
HIDDEN = 12


def main() -> None:
    import numpy as np
    import tensorflow as tf
    import tf_keras
    from tf_keras import layers

    tf_keras.utils.set_random_seed(4)
    source = tf_keras.Input((1, 33, 33, 1), batch_size=1)
    x = source
    for layer in (
        layers.Conv2D(6, 5, strides=2, activation="tanh"),
        layers.Conv2D(24, 5, strides=2, activation="tanh"),
        layers.Flatten(),
        layers.Dense(HIDDEN, activation="tanh"),
    ):
        x = layers.TimeDistributed(layer)(x)
    x = layers.LSTM(HIDDEN, return_sequences=True)(x)
    # Wide output weights, so that even this untrained network gives different fragments different scores.
    wide = tf_keras.initializers.RandomNormal(stddev=6.0, seed=4)
    x = layers.TimeDistributed(layers.Dense(USERS + 1, kernel_initializer=wide))(x)
    rng = np.random.default_rng(4)

    def samples() -> Iterator[list[Any]]:
        for share in np.linspace(0.05, 0.95, 24):
            yield [(rng.random((1, 1, 33, 33, 1)) < share).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(tf_keras.Model(source, x))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    model = converter.convert()
    recipe = Path(__file__)
    recipe.with_suffix(".tflite").write_bytes(model)
    card = {
        "generator": recipe.name,
        "recipe_sha256": hashlib.sha256(recipe.read_bytes()).hexdigest(),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "tensorflow": tf.__version__,
    }
    recipe.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
