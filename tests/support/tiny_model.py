"""A recipe -> tiny_model.tflite: a small network of the shipped structure, 3 users, random weights.

Beside it tiny_features.tflite: the same network up to the features, as a bundle without users has it.

`python tests/support/tiny_model.py` makes both anew, and tiny_model.json, which notes recipe and versions. The models
are kept in the repository so that the tests of the edge run where TensorFlow is not installed, as the edge itself does.
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
    features = tf_keras.Model(source, x)
    x = layers.LSTM(HIDDEN, return_sequences=True)(x)
    # Wide output weights, so that even this untrained network gives different fragments different scores.
    wide = tf_keras.initializers.RandomNormal(stddev=6.0, seed=4)
    x = layers.TimeDistributed(layers.Dense(USERS + 1, kernel_initializer=wide))(x)
    model, features = convert(tf_keras.Model(source, x)), convert(features)
    recipe = Path(__file__)
    recipe.with_suffix(".tflite").write_bytes(model)
    recipe.with_name("tiny_features.tflite").write_bytes(features)
    card = {
        "generator": recipe.name,
        "recipe_sha256": hashlib.sha256(recipe.read_bytes()).hexdigest(),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "features_sha256": hashlib.sha256(features).hexdigest(),
        "tensorflow": tf.__version__,
    }
    recipe.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def convert(network: Any) -> bytes:
    """Quantise a Keras network to int8, calibrated on noise."""
    import numpy as np
    import tensorflow as tf

    from quantize.convert.flatbuffer import with_features

    rng = np.random.default_rng(4)

    def samples() -> Iterator[list[Any]]:
        for share in np.linspace(0.05, 0.95, 24):
            yield [(rng.random((1, 1, 33, 33, 1)) < share).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return with_features(converter.convert())


if __name__ == "__main__":
    main()
