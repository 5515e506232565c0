"""Work that every process of a test run needs and one does: firmware that is built, a network that is trained."""

import atexit
import fcntl
import functools
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

RUN_FOLDER = "INKGATE_TEST_RUN"
"""Environment variable by which the processes of a test run find their common folder."""

T = TypeVar("T")


@functools.cache
def run_folder() -> Path:
    """The folder of this test run. The first process to ask makes it, hands it to those it starts, and removes it."""
    if RUN_FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="inkgate-tests-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[RUN_FOLDER] = folder
    return Path(os.environ[RUN_FOLDER])


def once(name: str, make: Callable[[Path], T]) -> T:
    """What `make` returns, given an empty folder to work in; one process of the test run calls it, all get the result.

    The result is pickled. Where `make` fails nothing is kept: the next process to ask tries again, and fails by itself.
    """
    folder, result = run_folder() / name, run_folder() / f"{name}.pickle"
    with (run_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            content = pickle.dumps(make(folder))
            result.write_bytes(content)
        return pickle.loads(result.read_bytes())  # type: ignore[no-any-return]
