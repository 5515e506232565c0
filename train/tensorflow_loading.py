"""A call, made as late as possible -> TensorFlow imported, without its C++ messages on stderr.

The import takes seconds, so callers first check everything that can be checked without it.
"""

import os
import sys


def load_tensorflow() -> None:
    """Import TensorFlow and have it look for devices, without its C++ messages.

    They are written to file descriptor 2 directly, which therefore leads to os.devnull meanwhile.
    """
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
