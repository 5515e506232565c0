"""No hint proposes to write a bundle over a run, or a run over a bundle, a file or a home."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.run_directory import Run
from edge.errors import NotABundleError, RunError


def run(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text("{}")


def run_with_bundle(path: Path) -> None:
    run(path)
    bundle(path / "bundle")


def bundle(path: Path) -> None:
    path.mkdir()
    (path / "manifest.json").write_text("{}")


def file(path: Path) -> None:
    path.write_text("a letter")


def folder(path: Path) -> None:
    path.mkdir()
    (path / "letter").write_text("a letter")


def empty(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass


def proposed(message: str) -> list[str]:
    """Return the place to which the message proposes to write."""
    return re.findall(r"--out (\S+?)`", message)


@pytest.mark.parametrize(
    ("make", "says", "out"),
    [
        (run, "is a run, not a bundle", ["{}/bundle"]),
        (run_with_bundle, "its bundle is {}/bundle", []),
        (file, "is a file, not a bundle", ["BUNDLE"]),
        (folder, "no bundle", ["BUNDLE"]),
        (empty, "no bundle", ["{}"]),
        (nothing, "no bundle", ["{}"]),
    ],
)
def test_who_wanted_a_bundle_is_told_what_is_there_and_what_harms_nothing(
    make: Callable[[Path], None], says: str, out: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    make(path)
    with pytest.raises(NotABundleError) as caught:
        Bundle.open(path)
    assert says.format(path) in str(caught.value)
    assert proposed(str(caught.value)) == [place.format(path) for place in out]


@pytest.mark.parametrize(
    ("make", "says", "out"),
    [
        (bundle, "is a bundle, not a run", []),
        (file, "is a file, not a run", ["RUN"]),
        (folder, "no run", ["RUN"]),
        (empty, "no run", ["{}"]),
        (nothing, "no run", ["{}"]),
    ],
)
def test_who_wanted_a_run_is_told_what_is_there_and_what_harms_nothing(
    make: Callable[[Path], None], says: str, out: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    make(path)
    with pytest.raises(RunError) as caught:
        Run.open(path)
    assert says in str(caught.value)
    assert proposed(str(caught.value)) == [place.format(path) for place in out]
