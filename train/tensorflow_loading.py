"""A call -> TensorFlow imported, without its C++ messages on stderr.

The import takes seconds: call this as late as possible, after everything that can be checked without it.
"""

import os
import sys


def load_tensorflow() -> None:
    """Import TensorFlow and have it look for devices, without its C++ messages.

    They go to file descriptor 2 directly, so it leads to os.devnull during the import.
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
