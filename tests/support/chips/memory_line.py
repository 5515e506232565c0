"""A boot loader of chips.an3155 -> a line of function calls to it, which needs no pty and never waits."""

from collections.abc import Callable

from chips.an3155 import BootLoader, PowerCutError


class MemoryLine:
    """A line of function calls without waiting, in place of firmware_bridge.flash.uart._Line."""

    loader = BootLoader()
    spoil: Callable[[bytes], bytes] = staticmethod(lambda data: data)
    timeout = 1.0

    def __init__(self, port: str) -> None:
        self._inbox = bytearray()

    def write(self, data: bytes) -> None:
        try:
            self._inbox += self.spoil(self.loader.receive(bytes(data)))
        except PowerCutError as cut:
            raise OSError("the port is gone") from cut

    def read(self, size: int = 1) -> bytes:
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    def drain(self) -> None:
        self._inbox.clear()

    def enter_boot_loader(self) -> None:
        pass

    def leave_boot_loader(self) -> None:
        pass

    def close(self) -> None:
        pass
