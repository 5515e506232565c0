"""Every loadable segment lies in the part's memory, as pyOCD knows it."""

import io
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from images import link
from pyocd.core.memory_map import FlashRegion, MemoryType
from pyocd.target import TARGET

from firmware_bridge.boards import BOARDS, Board
from firmware_bridge.build import elf
from firmware_bridge.build.errors import SegmentError

PYOCD_PART = {"stm32f405": "stm32f412xg", "rp2040": "rp2040", "nrf51": "nrf51"}
"""pyOCD has the F405 only in a pack outside its wheel; the F412xG's flash has equal sectors."""

boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
real_boards = pytest.mark.parametrize("board", [BOARDS[name] for name in PYOCD_PART], ids=PYOCD_PART)


def pyocd_flash(board: Board) -> list[FlashRegion]:
    regions = TARGET[PYOCD_PART[board.name]].MEMORY_MAP
    return [r for r in regions if r.type is MemoryType.FLASH and board.flash.holds(r.start, 1)]


@real_boards
def test_pyocd_knows_the_flash_as_we_do(board: Board) -> None:
    regions = pyocd_flash(board)
    assert min(region.start for region in regions) == board.flash.origin
    # The RP2040's flash is a separate part: 2 MiB on the Pico, 16 at most.
    assert max(region.end + 1 for region in regions) >= board.flash.end
    for region in regions:
        for address in range(region.start, min(region.end + 1, board.flash.end), region.blocksize):
            sector = board.sector_of(address)[1]
            assert (sector.origin, sector.size) == (address, region.blocksize)


@pytest.mark.parametrize("board", [BOARDS["rp2040"], BOARDS["nrf51"]], ids=["rp2040", "nrf51"])
def test_pyocd_knows_the_ram_as_we_do(board: Board) -> None:
    ram = [r for r in TARGET[PYOCD_PART[board.name]].MEMORY_MAP if r.type is MemoryType.RAM]
    held = sum(region.length for region in ram if board.ram.holds(region.start, region.length))
    assert held == board.ram.size


@boards
def test_the_store_is_whole_sectors_at_the_end_of_the_flash(board: Board) -> None:
    assert board.store.end == board.flash.end
    assert board.sector_of(board.store.origin)[1].origin == board.store.origin
    # At least two sectors: one is erased while the other holds the counters.
    assert board.sector_of(board.store.end - 1)[0] > board.sector_of(board.store.origin)[0]


@boards
def test_what_a_linker_makes_for_the_board_is_accepted(board: Board, tmp_path: Path) -> None:
    data = link(board, tmp_path).read_bytes()
    segments = elf.read_segments(data)
    elf.check_segments(segments, board)
    flat = elf.flatten(segments, board)
    expected = [
        (s["p_paddr"], s["p_vaddr"], s["p_memsz"], s.data())
        for s in ELFFile(io.BytesIO(data)).iter_segments("PT_LOAD")
        if s["p_memsz"]
    ]
    assert [(s.load, s.address, s.size, s.data) for s in segments] == expected
    for load, _, _, content in expected:
        assert flat[load - board.flash.origin :][: len(content)] == content


@real_boards
def test_every_segment_accepted_lies_in_pyocds_map(board: Board, tmp_path: Path) -> None:
    segments = elf.read_segments(link(board, tmp_path).read_bytes())
    regions = TARGET[PYOCD_PART[board.name]].MEMORY_MAP
    assert segments
    for segment in segments:
        assert any(r.contains_range(segment.address, length=segment.size) for r in regions)
        if segment.data:
            assert any(r.contains_range(segment.load, length=len(segment.data)) for r in pyocd_flash(board))


@pytest.mark.parametrize("other", ["stm32f405", "rp2040"])
def test_a_program_linked_for_another_board_is_refused(other: str, tmp_path: Path) -> None:
    data = link(BOARDS[other], tmp_path).read_bytes()
    for board in BOARDS.values():
        if board.flash.origin != BOARDS[other].flash.origin:
            with pytest.raises(SegmentError, match=board.name):
                elf.check_segments(elf.read_segments(data), board)


def test_a_program_in_the_store_is_refused(tmp_path: Path) -> None:
    board = BOARDS["nrf51"]
    data = link(board, tmp_path, flash=board.store.origin).read_bytes()
    with pytest.raises(SegmentError, match="outside"):
        elf.check_segments(elf.read_segments(data), board)


def test_a_program_with_more_variables_than_ram_is_refused() -> None:
    board = BOARDS["nrf51"]
    too_much = elf.Segment(board.ram.origin, board.ram.origin, board.ram.size + 1, b"")
    with pytest.raises(SegmentError, match="RAM"):
        elf.check_segments([too_much], board)


def test_what_is_no_elf_for_an_arm_is_refused(tmp_path: Path) -> None:
    data = link(BOARDS["nrf51"], tmp_path).read_bytes()
    ends = [s["p_offset"] + s["p_filesz"] for s in ELFFile(io.BytesIO(data)).iter_segments("PT_LOAD")]
    cut = data[: max(ends) - 1]
    for bad in (b"", b"\x7fELF", data[:40], data[:60], cut, Path("/bin/sh").read_bytes()):
        with pytest.raises(SegmentError):
            elf.read_segments(bad)
