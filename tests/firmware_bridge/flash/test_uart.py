"""An emulated STM32 UART boot loader: the flash ends up as signed, whatever happens on the way."""

import random

import pytest
from chips.an3155 import BootLoader, PtyServer
from chips.memory_line import MemoryLine
from images import KEY, sealed

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import image
from firmware_bridge.build.errors import ImageError, OlderImageError, UnsignedImageError, WrongBoardError
from firmware_bridge.flash import install, uart
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError, ProtectedError, ReadBackError
from firmware_bridge.flash.uart import UartProgrammer
from firmware_bridge.link.errors import PortMissingError

BOARD = BOARDS["stm32f405"]
TRUSTED = [KEY.public]
ORIGIN = BOARD.flash.origin


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> BootLoader:
    loader = BootLoader()
    monkeypatch.setattr(uart, "_Line", MemoryLine)
    monkeypatch.setattr(MemoryLine, "loader", loader)
    return loader


def put(content: bytes, port: str = "memory", **options: bool) -> install.Flashed:
    with UartProgrammer(BOARD, port) as programmer:
        return install.flash(content, image.check(content), programmer, TRUSTED, **options)


def test_over_a_pseudo_terminal_the_flash_holds_the_image_and_it_runs() -> None:
    content, loader = sealed(BOARD, size=20_000), BootLoader()
    loader.flash[:20_000] = random.Random(1).randbytes(20_000)
    store = loader.flash[BOARD.image_limit :] = bytearray(b"key and counters".ljust(BOARD.store.size, b"\1"))
    progress: list[tuple[str, int, int]] = []
    with PtyServer(loader) as server, UartProgrammer(BOARD, server.port) as programmer:
        done = install.flash(
            content, image.check(content), programmer, TRUSTED, progress=lambda *step: progress.append(step)
        )
    assert loader.flash[: len(content)] == content
    assert loader.flash[BOARD.image_limit :] == store
    assert loader.running_from == ORIGIN
    assert (done.before, done.written) == (None, len(content))
    assert {step[0] for step in progress} == {"reading", "erasing", "writing", "checking"}


def test_one_port_serves_several_flashings() -> None:
    loader = BootLoader()
    with PtyServer(loader) as server:
        for seed in range(3):
            loader.reset()
            put(sealed(BOARD, seed=seed), server.port)
    assert loader.flash[:0x1234] == sealed(BOARD, seed=2)
    assert [change for change in loader.changes if change[0] == "erase"] == [("erase", 0)] * 2


def test_the_key_stays_unless_it_is_to_be_erased(loader: BootLoader) -> None:
    store = BOARD.image_limit
    loader.flash[store : store + 4] = loader.flash[-4:] = b"key!"
    put(sealed(BOARD))
    assert loader.flash[store : store + 4] == loader.flash[-4:] == b"key!"
    loader.reset()
    put(sealed(BOARD), erase_key=True)
    assert not loader.flash[store:].strip(b"\xff")
    assert loader.flash[:0x1234] == sealed(BOARD)


def test_a_flipped_byte_in_the_flash_is_found_and_its_place_named(loader: BootLoader) -> None:
    content = sealed(BOARD)
    loader.stuck[ORIGIN + 0x1001] = 0x04
    with pytest.raises(ReadBackError, match="1 of 4,660 bytes differ, the first at 0x08001001") as failure:
        put(content)
    assert failure.value.exit_code == 3
    assert loader.running_from is None


def test_an_image_that_is_there_already_is_not_written_again(loader: BootLoader) -> None:
    content = sealed(BOARD)
    put(content)
    changes = len(loader.changes)
    loader.reset()
    done = put(content)
    assert (done.written, len(loader.changes)) == (0, changes)
    assert done.before == done.header


def test_what_is_behind_the_image_in_other_sectors_stays(loader: BootLoader) -> None:
    loader.flash[0x8000:0x8010] = b"somebody else's!"
    put(sealed(BOARD))
    assert loader.flash[0x8000:0x8010] == b"somebody else's!"


@pytest.mark.parametrize("before", ["blank", "older", "garbage"])
def test_power_cut_at_every_step_leaves_no_header_over_a_broken_image_and_can_be_resumed(
    before: str, loader: BootLoader
) -> None:
    content = sealed(BOARD, size=18_000)
    start = {
        "blank": b"\xff" * 20_000,
        "older": sealed(BOARD, size=19_000, seed=2, version=(1, 0, 0)),
        "garbage": random.Random(3).randbytes(20_000),
    }[before]
    loader.flash[: len(start)] = start

    def whole() -> None:
        held = bytes(loader.flash)
        header = image.read_header(held)
        if header is not None:
            image.check(held[: header.size])

    loader.changed = whole
    total = None
    cut = 0
    while total is None:
        loader.flash[:] = b"\xff" * len(loader.flash)
        loader.flash[: len(start)] = start
        loader.changes.clear()
        loader.reset()
        loader.cut_after = cut
        try:
            put(content)
            total = cut
        except FlashError:
            loader.cut_after = None
            loader.reset()
            put(content)
        assert loader.flash[: len(content)] == content
        written = [address for what, address in loader.changes if what == "write"]
        assert len(written) <= -(-len(content) // 256) + 1, "what had been written was written again"
        cut += 1
    assert total >= 70


@pytest.mark.parametrize("seed", range(20))
def test_a_line_that_loses_and_spoils_bytes_never_leaves_a_wrong_image(
    seed: int, loader: BootLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = random.Random(seed)

    def spoil(data: bytes) -> bytes:
        if data and choice.random() < 0.01:
            return choice.choice([b"", data[:-1], bytes((data[0] ^ 0x40,)) + data[1:], data + b"\x79"])
        return data

    monkeypatch.setattr(MemoryLine, "spoil", staticmethod(spoil))
    content = sealed(BOARD, size=8_000)
    for _ in range(50):
        try:
            put(content)
            break
        except FlashError:
            loader.reset()
    assert loader.flash[: len(content)] == content


def test_a_byte_lost_in_a_reading_is_no_fault_of_the_flash(loader: BootLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = random.Random(1)

    def spoil(data: bytes) -> bytes:
        if len(data) > 100 and choice.random() < 0.2:
            return data[:50] + data[51:]
        return data

    monkeypatch.setattr(MemoryLine, "spoil", staticmethod(spoil))
    content = sealed(BOARD, size=8_000)
    assert put(content).written == len(content)


def test_a_conversation_broken_off_anywhere_is_taken_up_again(loader: BootLoader) -> None:
    talk = b"\x7f" + b"\x31\xce" + b"\x08\0\0\0\x08" + b"\xff" + bytes(200)
    for length in range(1, len(talk)):
        loader.reset()
        loader.receive(talk[:length])
        with UartProgrammer(BOARD, "memory") as programmer:
            assert programmer.part() == 0x413


def test_another_part_is_the_wrong_board(loader: BootLoader) -> None:
    loader.product_id = 0x419
    with pytest.raises(WrongBoardError, match="0x419"):
        put(sealed(BOARD))
    assert not loader.changes


def test_an_image_for_another_board_is_refused(loader: BootLoader) -> None:
    with pytest.raises(WrongBoardError, match="the image is for rp2040, this is stm32f405"):
        put(sealed(BOARDS["rp2040"]))
    assert not loader.changes


def test_an_unsigned_image_is_not_written(loader: BootLoader) -> None:
    with pytest.raises(UnsignedImageError):
        put(sealed(BOARD, signer=None))
    assert not loader.changes


@pytest.mark.parametrize("version", [(1, 2, 2), (1, 1, 9), (0, 9, 9)])
def test_a_downgrade_is_refused_unless_asked_for(loader: BootLoader, version: image.Version) -> None:
    put(sealed(BOARD, version=(1, 2, 3)))
    loader.reset()
    changes = len(loader.changes)
    older = sealed(BOARD, version=version)
    with pytest.raises(OlderImageError, match=r"downgrade: version .* after 1\.2\.3") as refusal:
        put(older)
    assert refusal.value.exit_code == 4
    assert len(loader.changes) == changes
    loader.reset()
    put(older, allow_downgrade=True)
    assert loader.flash[: len(older)] == older


def test_a_board_of_another_name_on_the_same_part_is_the_wrong_board(loader: BootLoader) -> None:
    other = bytearray(sealed(BOARD))
    other[0x220:0x230] = b"nrf51".ljust(16, b"\0")
    loader.flash[: len(other)] = other
    with pytest.raises(WrongBoardError, match="nrf51"):
        put(sealed(BOARD))


def test_where_nothing_answers_the_wires_are_named(loader: BootLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryLine, "spoil", staticmethod(lambda data: b""))
    with pytest.raises(BoardNotFoundError, match=r"PA10.*BOOT0"):
        put(sealed(BOARD))


def test_a_port_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(PortMissingError, match="/dev/nowhere"):
        UartProgrammer(BOARD, "/dev/nowhere")


def test_only_what_an_image_error_names_is_raised_for_a_wrong_file(tmp_path) -> None:
    with pytest.raises(ImageError, match="inkgate firmware build"):
        install.load(tmp_path / "missing.img")


def test_a_part_that_is_protected_against_reading_is_named_with_what_takes_that_off(loader: BootLoader) -> None:
    loader.read_protected = True
    with pytest.raises(ProtectedError, match=r"protected against reading \(RDP\): `stm32flash -k memory`") as failure:
        put(sealed(BOARD))
    assert failure.value.exit_code == 3
    assert loader.changes == []


@pytest.mark.parametrize("refuses", [False, True], ids=["silent", "refuses"])
@pytest.mark.parametrize("before", ["an older image", "blank"])
def test_a_sector_that_is_protected_against_writing_is_named(before: str, refuses: bool, loader: BootLoader) -> None:
    loader.write_protected, loader.refuses_protected = {0}, refuses
    if before != "blank":
        loader.flash[:0x1234] = sealed(BOARD, seed=5)
    with pytest.raises((ProtectedError, ReadBackError), match="write-protected") as failure:
        put(sealed(BOARD))
    assert "PA10" not in str(failure.value), "the wires are right"
    assert loader.running_from is None
