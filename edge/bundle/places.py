"""What was given for a bundle or a run -> the bundle meant, or what is there and what helps."""

from pathlib import Path
from typing import Final

from edge.bundle.run_files import CONFIG, ENROL, MODEL, PLAN, TEST
from edge.errors import NotABundleError

MANIFEST: Final = "manifest.json"
"""The file of a bundle that makes a folder one."""

SIGNATURE: Final = "manifest.sig"
"""The file of a bundle that says who signed its manifest."""

READY: Final = "ready"
"""The name of the bundle without users that comes with inkgate."""

SHIPPED: Final = Path(__file__).with_name(READY)

_RUN_MARKS = (CONFIG, PLAN, MODEL, ENROL, TEST)
"""A folder that holds any of these is a run, perhaps an unfinished one: `inkgate train --out` may write to it."""


def find_bundle(text: str) -> Path:
    """Return the path that a text names; `ready` names the bundle that comes with inkgate.

    `./ready` is a path. NotABundleError if this inkgate comes without one.
    """
    if text != READY:
        return Path(text)
    if not (SHIPPED / MANIFEST).is_file():
        raise NotABundleError(f"{READY}: this inkgate comes without a ready bundle; name one that `quantize` made")
    return SHIPPED


def explain_no_bundle(path: Path, problem: str) -> str:
    """Return the message for a command that wanted a bundle where `path` holds none."""
    if (path / CONFIG).is_file():
        inside = path / "bundle"
        if (inside / MANIFEST).is_file():
            return f"{path}: is a run, not a bundle; its bundle is {inside}"
        return f"{path}: is a run, not a bundle; `inkgate quantize {path} --out {inside}` makes one"
    if path.is_file():
        return f"{path}: is a file, not a bundle; `inkgate quantize RUN --out BUNDLE` makes one"
    where = path if _is_free(path) else "BUNDLE"
    return f"{path}: no bundle ({problem}); `inkgate quantize RUN --out {where}` makes one"


def explain_no_run(path: Path, problem: str) -> str:
    """Return the message for a command that wanted a run where `path` holds none."""
    if (path / MANIFEST).is_file():
        return f"{path}: is a bundle, not a run; name the run that it was made from"
    if path.is_file():
        return f"{path}: is a file, not a run; `inkgate train --out RUN` makes one"
    where = path if _is_free(path) or any((path / name).exists() for name in _RUN_MARKS) else "RUN"
    return f"{path}: no run ({problem}); `inkgate train --out {where}` makes one"


def _is_free(path: Path) -> bool:
    """Return whether something may be made there: nothing is there, or an empty folder."""
    try:
        return not path.exists() or not any(path.iterdir())
    except OSError:
        return False
