"""TensorFlow, once everything that can be checked without it was checked -> loaded, without what its C++ says."""

import os
import sys


def load_tensorflow() -> None:
    """Import TensorFlow and have it look for devices, while what its C++ says to file descriptor 2 goes nowhere."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
