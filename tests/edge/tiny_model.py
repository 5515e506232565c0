"""OUT -> a stateful one-fragment int8 TFLite model of 3 users with random weights, of the very structure that ships."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

USERS = 3
HIDDEN = 12


def main(out: str) -> None:
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
    # Wide output weights: an untrained network must still tell fragments apart, or no test of a threshold means much.
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
    Path(out).write_bytes(converter.convert())


if __name__ == "__main__":
    main(sys.argv[1])
