"""A run's model file -> the Keras model, and TensorFlow's converter, loaded late and quietly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import RunError
from firmware_bridge.installing import install_extra
from quantize.errors import DependencyError


def load_keras(path: Path) -> Any:
    """Load the trained model of a run. RunError if the file is missing or tf_keras cannot read it."""
    if not path.is_file():
        raise RunError(f"{path}: no trained model; `inkgate train --out {path.parent}` makes one")
    keras = import_tf_keras()
    try:
        with quietly():
            return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise RunError(f"{path}: tf_keras cannot read this model ({error})") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Discard what is written to stdout and stderr inside, by TensorFlow's C++ code too."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, at most 300 characters, or its type if it has no text."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def import_tensorflow() -> Any:
    """Import TensorFlow quietly. DependencyError if it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quietly():
            import tensorflow
    except ImportError as error:
        raise DependencyError(f"converting needs TensorFlow: {install_extra('train')}") from error
    return tensorflow


def import_tf_keras() -> Any:
    """Import tf_keras (Keras 2) quietly. DependencyError if it or TensorFlow is not installed."""
    import_tensorflow()
    try:
        with quietly():
            import tf_keras
    except ImportError as error:
        raise DependencyError(f"converting needs tf_keras (Keras 2): {install_extra('train')}") from error
    return tf_keras


@dataclass(frozen=True)
class LiteSteps:
    """The two steps of TensorFlow's own quantised conversion, without the calibration between them.

    TensorFlow's calibrator never clears the LSTM's state, so its ranges are those of one endless word.
    """

    add_intermediate_tensors: Any
    mlir_quantize: Any


def find_lite_steps() -> LiteSteps:
    """Import the two steps of the conversion. DependencyError if this TensorFlow does not have them."""
    try:
        from tensorflow.lite.python.convert import mlir_quantize
        from tensorflow.lite.python.optimize.calibrator import add_intermediate_tensors
    except ImportError as error:
        raise DependencyError("this TensorFlow has no mlir_quantize; 2.21 is known to work") from error
    return LiteSteps(add_intermediate_tensors, mlir_quantize)
