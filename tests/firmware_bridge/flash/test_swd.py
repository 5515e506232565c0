"""The calls made to pyOCD, and their order.

There is no part here: these tests say nothing about pyOCD's own flashing.
"""

from pathlib import Path
from types import SimpleNamespace

import pytest
from images import KEY, sealed

from firmware_bridge.boards import BOARDS, Board
from firmware_bridge.build import image
from firmware_bridge.build.board_store import SLOT_BYTES, Kept, decode, encode
from firmware_bridge.build.errors import OlderImageError, WrongBoardError
from firmware_bridge.flash import install, provisioning, swd
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError, ReadBackError
from firmware_bridge.flash.swd import SwdProgrammer
from firmware_bridge.trust.board_keys import KeyStore

STM32, NRF51 = BOARDS["stm32f405"], BOARDS["nrf51"]


class Part:
    """A part behind a probe, in place of pyOCD's session, target, eraser and loader."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.memory = bytearray(b"\xff" * board.flash.size)
        self.registers = {0xE004_2000: 0x1007_6413, 0x4000_0000: 0x1000_2927}
        self.calls: list[tuple[str, int, int]] = []
        self.target = self
        self.stuck = False
        self.unplugged_after: int | None = None
        self._added: tuple[int, bytes] = (0, b"")

    def open(self) -> None:
        self.calls.append(("open", 0, 0))

    def close(self) -> None:
        self.calls.append(("close", 0, 0))

    def read32(self, address: int) -> int:
        return self.registers[address]

    def read_memory_block8(self, address: int, size: int) -> list[int]:
        start = address - self.board.flash.origin
        return list(self.memory[start : start + size])

    def reset(self) -> None:
        self._do("reset", 0, 0)

    def reset_and_halt(self) -> None:
        self._do("halt", 0, 0)

    def erase(self, ranges: list[tuple[int, int]]) -> None:
        for start, end in ranges:
            self._do("erase", start, end)
            origin = self.board.flash.origin
            self.memory[start - origin : end - origin] = b"\xff" * (end - start)

    def add_data(self, address: int, data: bytes) -> None:
        self._added = (address, bytes(data))

    def commit(self) -> None:
        address, data = self._added
        self._do("program", address, address + len(data))
        start = address - self.board.flash.origin
        self.memory[start : start + len(data)] = data
        if self.stuck:
            self.memory[start] ^= 1

    def _do(self, what: str, start: int, end: int) -> None:
        if self.unplugged_after is not None and len(self.calls) >= self.unplugged_after:
            raise OSError("No such device (it may have been disconnected)")
        self.calls.append((what, start, end))


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    part = Part(STM32)
    probes = [SimpleNamespace(unique_id="0123", description="ST-Link")]
    helper = SimpleNamespace(
        probes=probes,
        get_all_connected_probes=lambda **_: helper.probes,
        session_with_chosen_probe=lambda **_: part,
    )
    monkeypatch.setattr(swd, "ConnectHelper", helper)
    eraser = SimpleNamespace(Mode=SimpleNamespace(SECTOR=3))
    monkeypatch.setattr(swd, "FlashEraser", type("Eraser", (), {"Mode": eraser.Mode, "__new__": lambda *_: part}))
    monkeypatch.setattr(swd, "MemoryLoader", lambda *_, **__: part)
    return part


def put(content: bytes, board: Board = STM32, **options: bool) -> install.Flashed:
    with SwdProgrammer(board) as programmer:
        return install.flash(content, image.check(content), programmer, [KEY.public], **options)


def test_the_headers_sector_is_erased_first_and_written_last(part: Part) -> None:
    content = sealed(STM32, size=40_000)
    put(content)
    assert part.memory[: len(content)] == content
    origin = STM32.flash.origin
    assert part.calls == [
        ("open", 0, 0), ("halt", 0, 0), ("erase", origin, origin + 0x4000),
        ("program", origin + 0x4000, origin + 40_000), ("program", origin, origin + 0x4000),
        ("reset", 0, 0), ("close", 0, 0),
    ]  # fmt: skip


def test_an_image_that_is_there_already_is_not_written_again(part: Part) -> None:
    content = sealed(STM32)
    put(content)
    part.calls.clear()
    assert put(content).written == 0
    assert part.calls == [("open", 0, 0), ("reset", 0, 0), ("close", 0, 0)]


def test_only_the_store_is_erased_with_the_key(part: Part) -> None:
    content = sealed(STM32)
    put(content)
    part.calls.clear()
    put(content, erase_key=True)
    assert [call for call in part.calls if call[0] == "erase"] == [("erase", STM32.store.origin, STM32.store.end)]


def test_a_key_is_all_that_is_written_with_a_key(part: Part, tmp_path: Path) -> None:
    part.memory[:0x1234] = sealed(STM32)
    before, keys = bytes(part.memory[: STM32.image_limit]), KeyStore(tmp_path / "keys")
    with SwdProgrammer(STM32) as programmer:
        name = provisioning.provision(programmer, keys, progress=lambda *_: None)
    store = STM32.store
    assert part.calls[1:-1] == [
        ("halt", 0, 0), ("erase", store.origin, store.end), ("program", store.origin, store.origin + SLOT_BYTES),
        ("reset", 0, 0),
    ]  # fmt: skip
    assert part.memory[: STM32.image_limit] == before
    kept, known = decode(bytes(part.memory[STM32.image_limit :])), keys.get(name)
    assert kept is not None
    assert known is not None
    assert kept.key == known.key


@pytest.mark.parametrize("calls", range(1, 5))
def test_a_probe_unplugged_at_any_step_leaves_no_key_that_this_host_does_not_know(
    part: Part, calls: int, tmp_path: Path
) -> None:
    part.memory[:0x1234] = sealed(STM32)
    part.memory[STM32.image_limit :] = encode(Kept(7, bytes(32), 3), STM32.store.size)
    keys = KeyStore(tmp_path / "keys")
    keys.put("stm32f405-00000007", bytes(32), 3)
    part.unplugged_after = calls
    with pytest.raises(FlashError, match=r"ST-Link 0123.*SWDIO"), SwdProgrammer(STM32) as programmer:
        provisioning.provision(programmer, keys, again=True, progress=lambda *_: None)
    kept, known = decode(bytes(part.memory[STM32.image_limit :])), keys.get("stm32f405-00000007")
    assert known is not None
    assert kept is None or kept.key == known.key


@pytest.mark.parametrize("calls", range(1, 6))
def test_a_probe_unplugged_at_any_step_leaves_no_header_over_a_broken_image(part: Part, calls: int) -> None:
    part.memory[:30_000] = sealed(STM32, size=30_000, seed=2, version=(1, 0, 0))
    part.unplugged_after = calls
    with pytest.raises(FlashError, match=r"ST-Link 0123.*SWDIO"):
        put(sealed(STM32, size=40_000))
    header = image.read_header(bytes(part.memory))
    if header is not None:
        image.check(bytes(part.memory[: header.size]))


def test_a_flipped_byte_is_found(part: Part) -> None:
    part.stuck = True
    with pytest.raises(ReadBackError, match="0x08000000"):
        put(sealed(STM32))


def test_another_part_is_the_wrong_board(part: Part) -> None:
    part.registers[0xE004_2000] = 0x1007_6419
    with pytest.raises(WrongBoardError, match="0x419"):
        put(sealed(STM32))


def test_a_part_without_a_number_is_known_by_its_header(part: Part) -> None:
    part.board = NRF51
    part.memory[:0x1234] = sealed(NRF51, version=(2, 0, 0))
    with pytest.raises(OlderImageError):
        put(sealed(NRF51), NRF51)


def test_without_a_probe_the_udev_rules_are_named(part: Part) -> None:
    swd.ConnectHelper.probes.clear()
    with pytest.raises(BoardNotFoundError, match="udev"):
        put(sealed(STM32))


def test_two_probes_are_not_chosen_between(part: Part) -> None:
    swd.ConnectHelper.probes.append(SimpleNamespace(unique_id="4567", description="Picoprobe"))
    with pytest.raises(BoardNotFoundError, match=r"Picoprobe 4567, ST-Link 0123.*--probe"):
        put(sealed(STM32))
