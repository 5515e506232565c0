"""A trained reader -> the int8 TFLite model, by TensorFlow's converter and pictures to calibrate on."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from train.reader.network import build
from train.reader.samples import Samples
from train.reader.structure import Structure

CALIBRATION_SAMPLES = 1000
"""Pictures, drawn from those given, on which the ranges of the tensors are measured."""


def convert(model: Any, structure: Structure, samples: Samples, seed: int) -> bytes:
    """Return the int8 model for one picture: int8 [1, side, side, 1] -> logits int8 [1, S].

    The input's scale is 1/255, its zero point -128; a weight's scale is that of its output channel. samples: pictures
    as the reader will see them.
    """
    single = build(structure, int(model.output_shape[-1]), batch=1)
    single.set_weights(model.get_weights())
    drawn = np.random.default_rng(seed).choice(len(samples), CALIBRATION_SAMPLES)
    pictures = samples.pixels[drawn][..., np.newaxis].astype(np.float32) / np.float32(255)
    pictures[0], pictures[1] = 0.0, 1.0  # so that the input's range is 0 to 1, whatever was drawn

    def representative() -> Iterator[list[Any]]:
        for picture in pictures:
            yield [picture[np.newaxis]]

    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with _quietly():
        return _emptied(bytes(converter.convert()))


def _emptied(model: bytes) -> bytes:
    """Return the model without what nothing refers to.

    The converter leaves there what happened to be in memory: the same network would give another file each time.
    """
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    used = {tensor.buffer for tensor in parsed.subgraphs[0].tensors} | {entry.buffer for entry in parsed.metadata or ()}
    for index, buffer in enumerate(parsed.buffers):
        if index not in used:
            buffer.data = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@contextmanager
def _quietly() -> Iterator[None]:
    """Discard what the converter's C++ code writes to stdout and stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
