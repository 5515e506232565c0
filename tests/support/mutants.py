"""A board's drivers with one place changed -> a program of them alone, for tests that must catch it."""

import shutil
from pathlib import Path

import pytest

from firmware_bridge.boards import find
from firmware_bridge.build.compile import _COMMON, SOURCES, Built, build

NEEDED = ("crc32", "mem")
"""Files of core that every driver needs."""


def build_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, board: str, app: str, program: str, file: str, old: str, new: str
) -> Built:
    """Build `program`, the text of an app, with `old` in `file` of the board's folder changed to `new`."""
    for part in ("boards", "core"):
        shutil.copytree(SOURCES / part, folder / part)
    for path in (folder / "core").rglob("*.c"):
        if path.stem not in NEEDED:
            path.unlink()
    (folder / "apps").mkdir()
    (folder / "apps" / f"{app}_app.c").write_text(program)
    source = folder / "boards" / find(board).folder / file
    text = source.read_text()
    assert old in text, "the driver has changed: change what is broken in it too"
    source.write_text(text.replace(old, new, 1))
    monkeypatch.setattr("firmware_bridge.build.compile.SOURCES", folder)
    monkeypatch.setattr("firmware_bridge.build.compile._COMMON", tuple(flag for flag in _COMMON if flag != "-Werror"))
    return build(board, app, folder / "out", toolchain="gcc")
