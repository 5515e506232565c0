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


def test_a_full_drive_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive(tmp_path)
    monkeypatch.setattr(uf2_drive, "_for_owner_alone", lambda path, flags: os.open("/dev/full", os.O_WRONLY))
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

    monkeypatch.setattr(uf2_drive, "_for_owner_alone", refuse)
    monkeypatch.setattr(uf2_drive, "board_id", lambda _: "RPI-RP2")
    with pytest.raises(FlashError, match=says):
        copy(tmp_path)


def test_a_file_that_may_hold_a_key_is_its_owners_alone_and_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the board takes it or not, and whatever lay there before: other rights, or a way to another place."""
    monkeypatch.setattr(uf2_drive, "GONE_TIMEOUT_S", 0.0)
    target, elsewhere = drive(tmp_path) / "INKGATE.UF2", tmp_path / "elsewhere"
    rights: list[int] = []

    def look(*_: object) -> None:
        rights.append(target.lstat().st_mode & 0o777)

    for stays in (True, False):
        elsewhere.write_bytes(b"before")
        target.symlink_to(elsewhere)
        if stays:
            with pytest.raises(FlashError, match="still a drive"):
                uf2_drive.copy(bytes(1024), tmp_path, look)
            target.write_bytes(b"readable by all")
            target.chmod(0o644)
        (tmp_path / uf2_drive.INFO_NAME).unlink(missing_ok=not stays)
        uf2_drive.copy(bytes(1024), tmp_path, look)
        assert not target.exists()
        assert not target.is_symlink()
        assert elsewhere.read_bytes() == b"before"
    assert set(rights) == {0o600}
