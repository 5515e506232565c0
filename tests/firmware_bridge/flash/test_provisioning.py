"""A key by every flashing cable: only the store is written, and no board has a key that this host does not know."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from boot_drive import BootRom, make_drive
from chips.an3155 import BootLoader
from chips.memory_line import MemoryLine
from hypothesis import given
from hypothesis import strategies as st
from images import KEY, sealed

from firmware_bridge.boards import BOARDS, Board
from firmware_bridge.build import board_store, image
from firmware_bridge.build.board_store import Kept
from firmware_bridge.build.errors import WrongBoardError
from firmware_bridge.flash import install, provisioning, uart, uf2_drive
from firmware_bridge.flash.errors import FlashError, ProvisionedError, ReadBackError
from firmware_bridge.flash.uart import UartProgrammer
from firmware_bridge.trust.board_keys import KeyStore

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]
STORE = STM32.image_limit
SECRET = bytes(range(100, 132))


def quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> BootLoader:
    """Return a board with a program and an empty store."""
    loader = BootLoader()
    loader.flash[:0x1234] = sealed(STM32)
    monkeypatch.setattr(uart, "_Line", MemoryLine)
    monkeypatch.setattr(MemoryLine, "loader", loader)
    return loader


def give(keys: KeyStore, *, again: bool = False) -> str:
    with UartProgrammer(STM32, "memory") as programmer:
        return provisioning.provision(programmer, keys, again=again, progress=quiet)


def held(loader: BootLoader) -> Kept | None:
    return board_store.decode(bytes(loader.flash[STORE:]))


def keep(loader: BootLoader, kept: Kept) -> None:
    loader.flash[STORE:] = board_store.encode(kept, STM32.store.size)


def test_a_new_board_gets_a_random_key_that_this_host_keeps_under_the_boards_name(
    keys: KeyStore, loader: BootLoader
) -> None:
    names = set()
    for _ in range(2):
        loader.flash[STORE:] = b"\xff" * STM32.store.size
        loader.reset()
        names.add(name := give(keys))
        kept, known = held(loader), keys.get(name)
        assert kept is not None
        assert known is not None
        assert (kept.key, kept.session) == (known.key, known.session) == (known.key, 0)
        assert name == board_store.name_of("stm32f405", kept.number)
        assert loader.running_from == STM32.flash.origin
    assert len(names) == 2
    assert len({key.key for key in keys.load().values()}) == 2


def test_by_uart_nothing_but_the_stores_sectors_is_erased_and_nothing_but_its_first_slot_written(
    keys: KeyStore, loader: BootLoader
) -> None:
    before = bytes(loader.flash[:STORE])
    give(keys)
    assert loader.flash[:STORE] == before
    assert loader.changes == [("erase", 10), ("erase", 11), ("write", STM32.store.origin)]
    assert not loader.flash[STORE + board_store.SLOT_BYTES :].strip(b"\xff")


@pytest.mark.parametrize("known", [True, False])
def test_a_board_that_has_a_key_gets_another_only_if_asked_for_and_counts_on(
    known: bool, keys: KeyStore, loader: BootLoader
) -> None:
    name = "stm32f405-00000007"
    keep(loader, Kept(7, SECRET, 41))
    if known:
        keys.put(name, SECRET, 40)
        keys.note(name, 45)  # its memory was turned back since
    before = bytes(loader.flash)
    with pytest.raises(ProvisionedError, match="nothing to do" if known else "does not know") as caught:
        give(keys)
    assert caught.value.exit_code == 2
    assert "`inkgate firmware provision --board stm32f405 --again`" in str(caught.value)
    assert (bytes(loader.flash), loader.changes) == (before, [])
    loader.reset()
    assert give(keys, again=True) == name
    kept, now = held(loader), keys.get(name)
    assert kept is not None
    assert now is not None
    assert kept.key == now.key != SECRET
    assert (kept.number, kept.session, now.session, now.word) == (7, *([45 if known else 41] * 2), 0)


def test_a_board_that_lost_its_key_but_not_its_number_keeps_its_name(keys: KeyStore, loader: BootLoader) -> None:
    keep(loader, Kept(7, None, 3))
    keys.put("stm32f405-00000007", SECRET, 9)
    assert give(keys) == "stm32f405-00000007"
    kept = held(loader)
    assert kept is not None
    assert kept.session == 9


def test_the_newest_record_counts_wherever_it_lies_and_only_as_much_as_needed_is_read(
    keys: KeyStore, loader: BootLoader
) -> None:
    old, new = (board_store.encode_slot(Kept(7, SECRET, session)) for session in (1, 2))
    new = _with_serial(new, 600)
    loader.flash[STORE : STORE + 256] = _with_serial(old, 599)
    half = STORE + STM32.store.size // 2
    loader.flash[half : half + 256] = new
    with UartProgrammer(STM32, "memory") as programmer:
        reads: list[int] = []
        read = programmer.read

        def counted(address: int, size: int, progress: install.Progress) -> bytes:
            reads.append(size)
            return read(address, size, progress)

        programmer.read = counted  # type: ignore[method-assign] # to count what it reads
        assert provisioning.read_store(programmer, quiet) == Kept(7, SECRET, 2)
    assert sum(reads) == 4 * 256


def _with_serial(slot: bytes, serial: int) -> bytes:
    changed = struct.pack("<I", serial) + slot[4:-4]
    return changed + struct.pack("<I", zlib.crc32(changed))


@pytest.mark.parametrize("before", ["new", "known"])
def test_a_cable_pulled_at_any_step_leaves_no_board_with_a_key_that_nobody_knows_and_is_taken_up_again(
    before: str, keys: KeyStore, loader: BootLoader
) -> None:
    image_before = bytes(loader.flash[:STORE])
    cut, whole = 0, False
    while not whole:
        start = Kept(7, SECRET, 5) if before == "known" else None
        loader.flash[STORE:] = board_store.encode(start, STM32.store.size) if start else b"\xff" * STM32.store.size
        if start:
            keys.put("stm32f405-00000007", SECRET, 5)
        loader.changes.clear()
        loader.reset()
        loader.cut_after = cut
        try:
            give(keys, again=before == "known")
            whole = True
        except FlashError:
            kept = held(loader)
            if kept is not None and kept.key is not None:
                known = keys.get(board_store.name_of("stm32f405", kept.number))
                assert known is not None
                assert known.key == kept.key
            loader.cut_after = None
            loader.reset()
            again = give(keys, again=kept is not None and kept.key is not None)
            after, stored = held(loader), keys.get(again)
            assert after is not None
            assert stored is not None
            assert after.key == stored.key
        assert loader.flash[:STORE] == image_before
        cut += 1
    assert cut == 4


@given(place=st.integers(0, 255), bit=st.integers(0, 7))
def test_a_record_that_is_not_held_as_it_was_written_is_no_success(place: int, bit: int) -> None:
    programmer = Memory(STM32)
    programmer.spoiled = place, 1 << bit
    with pytest.raises(ReadBackError, match="give the command again"):
        provisioning.give(programmer, Kept(7, SECRET, 0), ForgetfulKeys(), quiet)  # type: ignore[arg-type] # no disk


class ForgetfulKeys:
    def put(self, board: str, key: bytes, session: int = 0) -> None:
        pass


class Memory:
    """An install.Programmer of a flash in memory, where a bit of what is written next turns."""

    method, where = "swd", "memory"

    def __init__(self, board: Board) -> None:
        self.board, self.flash = board, bytearray(b"\xff" * board.flash.size)
        self.spoiled = 0, 0

    def part(self) -> int | None:
        return None

    def read(self, address: int, size: int, progress: install.Progress) -> bytes:
        start = address - self.board.flash.origin
        return bytes(self.flash[start : start + size])

    def write(self, data: bytes, progress: install.Progress) -> int:
        raise AssertionError("nothing of the image may be written")

    def erase_store(self) -> None:
        self.flash[self.board.image_limit :] = b"\xff" * self.board.store.size

    def write_store(self, slot: bytes, progress: install.Progress) -> None:
        start = self.board.image_limit
        self.flash[start : start + len(slot)] = slot
        place, bits = self.spoiled
        self.flash[start + place] ^= bits

    def start(self) -> None:
        pass


def test_a_store_that_is_protected_against_writing_is_told(keys: KeyStore, loader: BootLoader) -> None:
    keep(loader, Kept(7, SECRET, 41))
    loader.write_protected = {10, 11}
    with pytest.raises(ReadBackError, match="write-protected"):
        give(keys, again=True)


def test_a_line_that_loses_bytes_never_leaves_a_board_with_half_a_key(
    keys: KeyStore, loader: BootLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = random.Random(4)
    monkeypatch.setattr(
        MemoryLine, "spoil", staticmethod(lambda data: data[:-1] if data and choice.random() < 0.1 else data)
    )
    given_keys = 0
    for _ in range(30):
        loader.reset()
        try:
            name = give(keys, again=True)
        except FlashError:
            continue
        kept, known = held(loader), keys.get(name)
        assert kept is not None
        assert known is not None
        assert kept.key == known.key
        given_keys += 1
    assert given_keys > 3


def test_another_part_another_board_and_a_board_without_a_program_get_nothing(
    keys: KeyStore, loader: BootLoader
) -> None:
    loader.product_id = 0x419
    with pytest.raises(WrongBoardError, match="0x419"):
        give(keys)
    loader.product_id = 0x413
    loader.flash[0x220:0x230] = b"nrf51".ljust(16, b"\0")
    loader.reset()
    with pytest.raises(WrongBoardError, match="is a nrf51, not a stm32f405"):
        give(keys)
    loader.flash[:0x1234] = b"\x01" * 0x1234
    loader.reset()
    with pytest.raises(FlashError, match=r"stm32f405-pen\.img --provision"):
        give(keys)
    assert loader.changes == []
    assert keys.load() == {}


def test_an_image_and_a_key_in_one_go(keys: KeyStore, loader: BootLoader) -> None:
    content = sealed(STM32, seed=2)
    with UartProgrammer(STM32, "memory") as programmer:
        plans: list[Kept] = []
        install.flash(
            content, image.check(content), programmer, [KEY.public],
            begin=lambda: plans.append(provisioning.plan(programmer, keys, progress=quiet)),
            finish=lambda: provisioning.give(programmer, plans[0], keys, quiet) and None,
        )  # fmt: skip
    assert loader.flash[: len(content)] == content
    assert held(loader) == plans[0]
    assert loader.running_from == STM32.flash.origin


def blocks_of(data: bytes) -> dict[int, bytes]:
    return {
        int.from_bytes(block[12:16], "little"): block[32:288]
        for block in (data[place : place + 512] for place in range(0, len(data), 512))
    }


def test_by_a_boot_drive_the_whole_store_and_nothing_else_is_written(keys: KeyStore, tmp_path: Path) -> None:
    drive = make_drive(tmp_path / "drive")
    rom = BootRom(drive, RP2040.store.size // 256)
    name = provisioning.provision_by_drive(RP2040, drive, keys, quiet)
    written = blocks_of(rom.data)
    assert sorted(written) == list(range(RP2040.store.origin, RP2040.store.end, 256))
    kept, known = board_store.decode(b"".join(written[place] for place in sorted(written))), keys.get(name)
    assert kept is not None
    assert known is not None
    assert (kept.key, kept.session, known.session) == (known.key, 0, 0)
    assert name == board_store.name_of("rp2040", kept.number)
    assert not list(drive.glob("*.UF2"))


def test_a_boot_drive_that_stays_may_have_taken_the_key_and_this_host_knows_it(
    keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uf2_drive, "GONE_TIMEOUT_S", 0.0)
    seen: list[bool] = []
    with pytest.raises(FlashError, match="still a drive"):
        provisioning.provision_by_drive(
            RP2040, make_drive(tmp_path / "drive"), keys, lambda *_: seen.append(bool(keys.load()))
        )
    assert all(seen)
    assert len(keys.load()) == 1
    assert not list((tmp_path / "drive").glob("*.UF2"))


def test_a_number_whose_board_is_known_is_not_drawn_again(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([6, 6, 7])
    bits = SimpleNamespace(randbits=lambda _: next(drawn), token_bytes=lambda count: bytes(count))
    monkeypatch.setattr(provisioning, "secrets", bits)
    first = provisioning.draw(RP2040, keys)
    provisioning.remember(RP2040, first, keys)
    assert (first.number, provisioning.draw(RP2040, keys).number) == (7, 8)
