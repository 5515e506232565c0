"""A boot drive that cannot be written is named by its cause, and no cable is blamed."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.flash import uf2_drive
from firmware_bridge.flash.errors import FlashError


def drive(folder: Path) -> Path:
    (folder / uf2_drive.INFO_NAME).write_text("Board-ID: RPI-RP2\n")
    return folder


def copy(folder: Path) -> None:
    uf2_drive.copy(bytes(1024), folder, lambda *_: None)


def test_a_full_drive_is_said_to_be_full(tmp_path: Path) -> None:
    (drive(tmp_path) / "INKGATE.UF2").symlink_to("/dev/full")
    with pytest.raises(FlashError, match="the boot drive is full") as failure:
        copy(tmp_path)
    assert failure.value.exit_code == 3


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EROFS, "mounted for reading only"),
        (errno.EACCES, "this user may not write"),
        (errno.EIO, "another cable"),
    ],
)
def test_the_systems_reason_is_told(number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may mount a drive, so the system's answer is given in its place."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(uf2_drive, "board_id", lambda _: "RPI-RP2")
    with pytest.raises(FlashError, match=says):
        copy(tmp_path)
