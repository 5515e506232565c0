"""What all tests share: how hypothesis runs, and the real handwriting where INKGATE_DATA has it."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two busy cores make any single example slow now and then; what is tested is what it does, not how long it takes.
settings.register_profile("inkgate", deadline=None)
settings.load_profile("inkgate")


@pytest.fixture(scope="session")
def qmnist_folder() -> Path:
    """The folder with MNIST and QMNIST; skips, and says why, where INKGATE_DATA does not lead to one."""
    folder = Path(os.environ.get("INKGATE_DATA", ""))
    if not os.environ.get("INKGATE_DATA") or not (folder / "qmnist").is_dir():
        pytest.skip("no real handwriting: set INKGATE_DATA to a folder with mnist/ and qmnist/")
    return folder
