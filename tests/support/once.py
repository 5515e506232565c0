"""Work that many processes of a test run need -> its result, computed by one of them."""

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
"""Environment variable that names the common folder of a test run's processes."""

T = TypeVar("T")


@functools.cache
def run_folder() -> Path:
    """Return the folder of this test run.

    The first process to ask makes it, passes it on to the processes it starts, and removes it.
    """
    if RUN_FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="inkgate-tests-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[RUN_FOLDER] = folder
    return Path(os.environ[RUN_FOLDER])


def once(name: str, make: Callable[[Path], T]) -> T:
    """Return what `make(empty folder)` returns; one process of the test run calls it, all get the result.

    The result is pickled. If `make` fails nothing is kept: the next process to ask tries again and fails itself.
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
