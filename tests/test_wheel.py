"""The wheel is complete: built from the sources and installed alone, every module imports."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("train", "quantize", "edge", "firmware_bridge")
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "inkgate.py")

IMPORT_ALL = """
import importlib, sys
for name in {modules!r}:
    module = importlib.import_module(name)
    assert module.__file__.startswith(sys.prefix), f"{{name}} comes from {{module.__file__}}"
print("imported")
"""

_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
"""The environment without PYTHONPATH, which may lead to another tree of inkgate."""


def run(*command: str | Path) -> str:
    """Run a command away from the sources and return its output; fail with all that it printed."""
    done = subprocess.run(
        [str(part) for part in command], cwd="/", env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, because a build leaves files beside them."""
    sources, made = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, sources)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    quiet = ("--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "--no-build-isolation", "-w", made, sources)
    return next(made.glob("inkgate-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with the wheel alone of inkgate; other packages are this environment's."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    site_packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A path in a .pth is not searched for further .pth files, so this environment's editable inkgate stays out.
    (site_packages / "other_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources - inside == set()


def test_every_module_of_the_wheel_is_imported_where_nothing_else_of_inkgate_is(wheel: Path, installed: Path) -> None:
    files = [Path(name) for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")]
    modules = sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files)
    assert {name.partition(".")[0] for name in modules} == {"inkgate", *PACKAGES}
    said = run(installed / "bin" / "python", "-c", IMPORT_ALL.format(modules=modules))
    assert said.strip() == "imported"


def test_the_installed_command_builds_firmware_from_the_sources_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = ("firmware", "build", "mps2-an386", "pen", "--unsigned", "--out", tmp_path)
    run(installed / "bin" / "inkgate", *command)
    assert (tmp_path / "mps2-an386-pen.img").stat().st_size > 10_000


def test_a_source_distribution_holds_what_make_and_the_tests_need(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    built = (".venv", ".aarch64", "build", "runs", "*.egg-info")  # the copy of a root's /dev/full would never end
    left_out = shutil.ignore_patterns("__pycache__", ".git", ".*_cache", *built)
    shutil.copytree(ROOT, sources, ignore=left_out, symlinks=True)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as made:
        names = {name.partition("/")[2] for name in made.getnames()}
    needed = {"Makefile", "constraints.txt", "install.sh", "CHANGELOG.md", ".ci/deb", "docs/architecture.md"}
    assert needed | {"tests/conftest.py", "edge/bundle/ready/manifest.json"} <= names
    assert not [name for name in names if "__pycache__" in name]
