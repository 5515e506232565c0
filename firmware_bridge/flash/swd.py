"""A debug probe on a part -> read and write access to the part's flash, by pyOCD."""

import logging
from types import TracebackType
from typing import Any

from firmware_bridge.boards import HEADER_OFFSET, Board
from firmware_bridge.errors import ToolMissingError
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError
from firmware_bridge.flash.install import Progress
from firmware_bridge.installing import install_extra

READ_BYTES = 4096

try:
    from pyocd.core.exceptions import TargetSupportError
    from pyocd.core.helpers import ConnectHelper
    from pyocd.flash.eraser import FlashEraser
    from pyocd.flash.loader import MemoryLoader
except ImportError:
    ConnectHelper = None

HARDWARE_ERRORS = (OSError, ValueError, RuntimeError)
"""Exceptions of pyOCD, whose root error is a RuntimeError, and of the USB libraries below it."""


def probe_is_there() -> bool:
    """Return whether pyOCD finds a debug probe."""
    if ConnectHelper is None:
        return False
    try:
        return bool(ConnectHelper.get_all_connected_probes(blocking=False, print_wait_message=False))
    except HARDWARE_ERRORS:
        return False


class SwdProgrammer:
    """An install.Programmer over a debug probe, and a context manager.

    `probe` is (part of) a probe's id, needed if more than one is connected.

    Raises ToolMissingError if pyOCD is not installed or does not know the part, BoardNotFoundError unless exactly one
    probe is found, FlashError if connecting fails.
    """

    method = "swd"

    def __init__(self, board: Board, probe: str | None = None) -> None:
        if ConnectHelper is None:
            raise ToolMissingError(f"flashing by SWD needs pyOCD: {install_extra('firmware')}")
        # pyOCD logs for its own command line; what matters here comes as an exception.
        logging.getLogger("pyocd").setLevel(logging.CRITICAL)
        self.board = board
        self.where = "the debug probe"
        self._session: Any = self._open(probe)

    def __enter__(self) -> "SwdProgrammer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def part(self) -> int | None:
        """Return the id of the part, None if this kind of part has none."""
        address, shift, mask = self.board.chip_id_at
        if not mask:
            return None
        try:
            return int(self._session.target.read32(address)) >> shift & mask
        except HARDWARE_ERRORS as error:
            raise self._failed("asking for the part", error) from error

    def read(self, address: int, size: int, progress: Progress) -> bytes:
        """Return `size` bytes of the flash from `address` on."""
        data = bytearray()
        try:
            while len(data) < size:
                wanted = min(READ_BYTES, size - len(data))
                data += bytes(self._session.target.read_memory_block8(address + len(data), wanted))
                progress("reading", len(data), size)
        except HARDWARE_ERRORS as error:
            raise self._failed(f"reading {address + len(data):#010x}", error) from error
        return bytes(data)

    def write(self, data: bytes, progress: Progress) -> int:
        """Write `data` to the start of the flash and return how many bytes were written.

        The header's sector is erased first and written last, so that a header means a whole image.
        """
        origin = self.board.flash.origin
        found = self.read(origin, len(data), progress)
        if found == data:
            return 0
        first = self.board.sector_of(origin + HEADER_OFFSET)[1]
        split = min(first.end - origin, len(data))
        try:
            self._session.target.reset_and_halt()
            FlashEraser(self._session, FlashEraser.Mode.SECTOR).erase([(first.origin, first.end)])
            for address, part in ((origin + split, data[split:]), (origin, data[:split])):
                if part:
                    self._program(address, part, progress)
        except HARDWARE_ERRORS as error:
            raise self._failed("writing", error) from error
        changed = sum(found[at] != data[at] for at in range(split, len(data)))
        return split + changed

    def erase_store(self) -> None:
        """Erase the board's key and counters."""
        try:
            self._session.target.reset_and_halt()
            store = (self.board.store.origin, self.board.store.end)
            FlashEraser(self._session, FlashEraser.Mode.SECTOR).erase([store])
        except HARDWARE_ERRORS as error:
            raise self._failed("erasing the key", error) from error

    def write_store(self, slot: bytes, progress: Progress) -> None:
        """Write `slot` to the start of the store, which is erased."""
        try:
            self._program(self.board.store.origin, slot, progress)
        except HARDWARE_ERRORS as error:
            raise self._failed("writing the key", error) from error

    def start(self) -> None:
        """Start the program in the board's flash."""
        try:
            self._session.target.reset()
        except HARDWARE_ERRORS as error:
            raise self._failed("starting the program", error) from error

    def _program(self, address: int, data: bytes, progress: Progress) -> None:
        loader = MemoryLoader(
            self._session,
            progress=lambda fraction: progress("writing", round(fraction * len(data)), len(data)),
            chip_erase="sector",
            smart_flash=True,
            trust_crc=False,
            keep_unwritten=True,
        )
        loader.add_data(address, data)
        loader.commit()

    def _open(self, probe: str | None) -> Any:
        try:
            probes = ConnectHelper.get_all_connected_probes(blocking=False, unique_id=probe, print_wait_message=False)
            names = ", ".join(sorted(f"{found.description} {found.unique_id}" for found in probes))
            if not probes:
                raise BoardNotFoundError(
                    f"no debug probe{f' {probe}' if probe else ''} is connected: plug it in; on Linux it may lack "
                    "access: see `inkgate firmware udev`"
                )
            if len(probes) > 1:
                raise BoardNotFoundError(f"{len(probes)} debug probes are connected: {names}: choose one with --probe")
            self.where = names
            session = ConnectHelper.session_with_chosen_probe(
                blocking=False,
                unique_id=probes[0].unique_id,
                options={"target_override": self.board.pyocd_target, "hide_programming_progress": True},
            )
            session.open()
            return session
        except TargetSupportError as error:
            target = self.board.pyocd_target
            raise ToolMissingError(f"pyOCD does not know {target}: `pyocd pack install {target}` adds it") from error
        except FlashError:
            raise
        except HARDWARE_ERRORS as error:
            raise self._failed("connecting", error) from error

    def _failed(self, what: str, error: Exception) -> FlashError:
        reason = str(error).partition("\n")[0] or type(error).__name__
        hint = "check SWDIO, SWCLK, GND and the board's supply"
        return FlashError(f"{self.where}: {what} failed: {reason}: {hint}")
