"""The machine's serial ports -> which of them may be a board, and the one that `auto` means."""

import os
from dataclasses import dataclass
from importlib.resources import files

from serial.tools import list_ports as serial_list_ports

from firmware_bridge.boards import BOARDS
from firmware_bridge.link.errors import PortMissingError

AUTO = "auto"

ADAPTERS = {
    (0x2E8A, 0x000C): "Raspberry Pi Debug Probe",
    (0x2E8A, 0x000F): "Raspberry Pi Pico 2",
    (0x0483, 0x374B): "ST-Link V2-1",
    (0x0483, 0x374E): "ST-Link V3",
    (0x0483, 0x374F): "ST-Link V3",
    (0x0483, 0x3752): "ST-Link V2-1",
    (0x0483, 0x3753): "ST-Link V3",
    (0x0403, 0x6001): "FTDI FT232R adapter",
    (0x0403, 0x6010): "FTDI FT2232 adapter",
    (0x0403, 0x6011): "FTDI FT4232 adapter",
    (0x0403, 0x6014): "FTDI FT232H adapter",
    (0x0403, 0x6015): "FTDI FT231X adapter",
    (0x10C4, 0xEA60): "Silicon Labs CP210x adapter",
    (0x1A86, 0x7523): "WCH CH340 adapter",
    (0x1A86, 0x5523): "WCH CH341 adapter",
    (0x1A86, 0x55D4): "WCH CH9102 adapter",
    (0x067B, 0x2303): "Prolific PL2303 adapter",
}
"""USB vendor and product ids of the probes and USB-serial adapters that boards are wired to, and of the Pico 2."""

KNOWN_BOARDS = ADAPTERS | {(vid, pid): name for board in BOARDS.values() for vid, pid, name in board.usb}
"""The ids of ADAPTERS and those of the boards themselves, from their board.toml."""

TEXT_LIMIT = 64


@dataclass(frozen=True)
class PortInfo:
    """A serial port; `board` is set if its USB ids are known. Texts hold printable ASCII only."""

    path: str
    description: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    board: str | None

    def __str__(self) -> str:
        ids = "" if self.vid is None or self.pid is None else f" [{self.vid:04x}:{self.pid:04x}]"
        return f"{self.path} ({self.board or self.description}{ids})"


def list_ports() -> list[PortInfo]:
    """Return every serial port of the machine, those that may be boards first, each group by path.

    Ptys and TCP ports are not listed.
    """
    found = [
        PortInfo(
            path=port.device,
            description=_clean(port.description or ""),
            vid=port.vid,
            pid=port.pid,
            serial_number=_clean(port.serial_number) if port.serial_number else None,
            board=KNOWN_BOARDS.get((port.vid, port.pid)),
        )
        for port in serial_list_ports.comports()
    ]
    return sorted(found, key=lambda port: (port.board is None, port.path))


def udev_rules() -> str:
    """Return the text of a udev rules file: 60-inkgate.rules with the boards' USB ids filled in."""
    lines = files("firmware_bridge").joinpath("60-inkgate.rules").read_text().splitlines(keepends=True)
    ids = sorted({(vid, pid) for board in BOARDS.values() for vid, pid, _ in board.usb})
    return "".join(
        line.replace("@VID@", f"{vid:04x}").replace("@PID@", f"{pid:04x}")
        for line in lines
        for vid, pid in (ids if "@VID@" in line else [(0, 0)])
    )


def find_board() -> str:
    """Return the path that `auto` stands for.

    PortMissingError, which lists the candidates, unless exactly one known board is connected.
    """
    ports = list_ports()
    boards = [port for port in ports if port.board is not None]
    if len(boards) == 1:
        return boards[0].path
    if boards:
        candidates = ", ".join(map(str, boards))
        raise PortMissingError(f"auto: {len(boards)} boards are connected: {candidates}: choose one with --port PATH")
    others = f"; other ports: {', '.join(map(str, ports))}" if ports else ""
    raise PortMissingError(f"auto: no known board is connected{others}: name its port with --port, see `inkgate ports`")


def plug_of(path: str) -> PortInfo | None:
    """Return the USB port that a path leads to now, None if it is none."""
    real = os.path.realpath(path)
    return next((port for port in list_ports() if port.vid is not None and os.path.realpath(port.path) == real), None)


def find_plug(plug: PortInfo) -> str | None:
    """Return the path of the one port with the ids and the serial number of `plug`.

    None if no port has them, or more than one.
    """
    wanted = (plug.vid, plug.pid, plug.serial_number)
    found = [port.path for port in list_ports() if (port.vid, port.pid, port.serial_number) == wanted]
    return found[0] if len(found) == 1 else None


def _clean(text: str) -> str:
    """Return a USB descriptor's text cut to 64 characters, with `?` for all but printable ASCII.

    The device sends this text: it must not steer a terminal or be endless.
    """
    return "".join(character if " " <= character <= "~" else "?" for character in text[:TEXT_LIMIT])
