"""ArchitecturePlan -> Keras CNN-LSTM of equations 1 to 5: fragments of a word in, logits after each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tf_keras

if TYPE_CHECKING:
    from train.plan.architecture import ArchitecturePlan


def build(plan: ArchitecturePlan, outputs: int | None = None) -> tf_keras.Model:
    """Build the untrained network of a plan.

    It maps float32 [batch, T, side, side, 1] in [0, 1] to logits [batch, T, outputs]. `outputs` replaces the plan's
    K + 1 in pre-training, where the network tells background writers apart. The source does not say how the LSTM is
    attached; here the fully connected layer feeds one LSTM of the same width, whose output at each step feeds the
    outputs, so that a word has any length and there is a decision after every fragment.
    """
    layers = tf_keras.layers
    each = layers.TimeDistributed
    word = layers.Input((None, plan.side, plan.side, 1), name="word")
    x = word
    for number, maps in enumerate(plan.maps, start=1):
        convolution = layers.Conv2D(maps, plan.kernel, plan.stride, activation="tanh", name=f"maps{number}")
        x = each(convolution, name=f"conv{number}")(x)
    x = each(layers.Flatten(), name="flatten")(x)
    x = each(layers.Dense(plan.hidden, activation="tanh", name="hidden"), name="fc")(x)
    x = layers.LSTM(plan.lstm, return_sequences=True, name="lstm")(x)
    x = each(layers.Dense(outputs or plan.outputs, name="outputs"), name="logits")(x)
    return tf_keras.Model(word, x, name="inkgate")
