"""A folder in place of a Pico's boot drive: it stops being one when it has every block."""

import threading
import time
from pathlib import Path

from firmware_bridge.flash import uf2_drive


def make_drive(folder: Path, board_id: str = "RPI-RP2") -> Path:
    folder.mkdir(parents=True)
    info = f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board_id}\r\n"
    (folder / uf2_drive.INFO_NAME).write_bytes(info.encode())
    return folder


class BootRom:
    """A thread that takes the file as the boot ROM does, then removes INFO_UF2.TXT: the drive is gone."""

    def __init__(self, drive: Path, blocks: int) -> None:
        self._drive, self._blocks, self.data = drive, blocks, b""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        limit_s = time.monotonic() + 20
        while time.monotonic() < limit_s:
            files = list(self._drive.glob("*.UF2"))
            if files and len(self.data) < 512 * self._blocks:
                self.data = files[0].read_bytes()
            elif files:
                (self._drive / uf2_drive.INFO_NAME).unlink()
                return
            time.sleep(0.01)
