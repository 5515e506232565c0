"""No hint proposes to write a bundle over a run, or a run over a bundle, a file or a home."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.places import find_bundle
from edge.bundle.run_directory import Run
from edge.cli.bundle_path import BundlePath
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


def test_ready_is_the_bundle_that_comes_with_inkgate_and_any_other_path_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edge.bundle.places.SHIPPED", tmp_path / "package" / "ready")
    monkeypatch.chdir(tmp_path)
    bundle(tmp_path / "ready")
    assert find_bundle("./ready").resolve() == tmp_path / "ready"
    with pytest.raises(NotABundleError, match="comes without a ready bundle; name one that `quantize` made"):
        find_bundle("ready")
    assert find_bundle(str(tmp_path / "ready")) == tmp_path / "ready"
    (tmp_path / "package").mkdir()
    bundle(tmp_path / "package" / "ready")
    assert find_bundle("ready") == tmp_path / "package" / "ready"


def test_a_command_takes_ready_by_name_and_a_folder_of_that_name_by_its_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edge.bundle.places.SHIPPED", tmp_path / "package")
    bundle(tmp_path / "package")
    option = BundlePath()
    assert option.convert("ready", None, None) == tmp_path / "package"
    assert option.convert("./ready", None, None) == Path("./ready")
