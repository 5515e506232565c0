"""UF2 files, the boot block's CRC, and a folder in place of a Pico's boot drive."""

import errno
import struct
import zlib
from pathlib import Path

import pytest
from boot_drive import BootRom, make_drive
from images import KEY, sealed

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import image, uf2
from firmware_bridge.build.errors import ImageError, TruncatedImageError, WrongBoardError
from firmware_bridge.flash import install, uf2_drive
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError

RP2040 = BOARDS["rp2040"]
FAMILY = 0xE48BFF56


def quiet(what: str, done: int, total: int) -> None:
    """Report no progress."""


def test_the_crc_is_that_of_the_catalogue() -> None:
    assert uf2.crc32_mpeg2(b"123456789") == 0x0376E6E7


def test_the_crc_equals_zlibs_with_its_bits_turned_round() -> None:
    reflect = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
    for data in (b"", b"\0", bytes(range(256)), b"\xff" * 252):
        turned = int(f"{zlib.crc32(data.translate(reflect)) ^ 0xFFFFFFFF:032b}"[::-1], 2)
        assert uf2.crc32_mpeg2(data) == turned


@pytest.mark.parametrize("size", [256, 257, 0x1234, 100_000])
def test_every_block_is_as_the_specification_says(size: int) -> None:
    content = bytes(value * 7 % 256 for value in range(size))
    data = uf2.encode(content, RP2040.flash.origin, FAMILY)
    count = -(-size // 256)
    assert len(data) == 512 * count
    for number in range(count):
        block = data[512 * number :][:512]
        fields = struct.unpack_from("<8I", block)
        address = 0x1000_0000 + 256 * number
        assert fields == (0x0A324655, 0x9E5D5157, 0x2000, address, 256, number, count, FAMILY)
        assert block[32:288] == content[256 * number :][:256].ljust(256, b"\xff")
        assert block[288:508] == bytes(220)
        assert block[508:] == struct.pack("<I", 0x0AB16F30)
    assert uf2.decode(data) == (0x1000_0000, content + b"\xff" * (-size % 256), FAMILY)


def test_a_uf2_file_is_an_image_as_much_as_the_image_itself() -> None:
    content = sealed(RP2040)
    data = uf2.encode(content, RP2040.flash.origin, FAMILY)
    assert install.unpack(data) == install.unpack(content) == (content, image.check(content))


def test_every_altered_byte_that_reaches_the_flash_is_noticed() -> None:
    content = sealed(RP2040, size=0x400)
    data = uf2.encode(content, RP2040.flash.origin, FAMILY)
    for place in range(len(data)):
        bad = bytearray(data)
        bad[place] ^= 0x40
        try:
            found, header = install.unpack(bytes(bad))
            image.check_signature(header, [KEY.public])
        except ImageError:
            continue
        assert found == content


def test_a_uf2_file_that_is_cut_off_is_truncated() -> None:
    data = uf2.encode(sealed(RP2040), RP2040.flash.origin, FAMILY)
    for length in (512, len(data) // 2, len(data) - 1):
        with pytest.raises(TruncatedImageError):
            install.unpack(data[:length])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data + bytes(512), id="a block too many"),
        pytest.param(lambda data: data[512:1024] + data[:512] + data[1024:], id="blocks out of order"),
        pytest.param(lambda data: data[:512] + data[:512] + data[1024:], id="a block twice"),
        pytest.param(lambda data: uf2.encode(uf2.decode(data)[1], 0x1000_1000, FAMILY), id="another address"),
        pytest.param(lambda data: uf2.encode(uf2.decode(data)[1], 0x1000_0000, 0xE48BFF59), id="another family"),
        pytest.param(lambda data: uf2.encode(bytes(4096), 0x1000_0000, FAMILY), id="another program"),
    ],
)
def test_what_is_no_uf2_file_of_ours_is_refused(change) -> None:
    with pytest.raises(ImageError):
        install.unpack(change(uf2.encode(sealed(RP2040), RP2040.flash.origin, FAMILY)))


def test_an_stm32_image_in_a_uf2_file_is_for_the_wrong_board() -> None:
    with pytest.raises(WrongBoardError):
        install.unpack(uf2.encode(sealed(BOARDS["stm32f405"]), RP2040.flash.origin, FAMILY))


def test_the_drive_is_found_among_the_others(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    drive = make_drive(tmp_path / "RPI-RP2")
    assert uf2_drive.find_drive(RP2040, [tmp_path, tmp_path / "gone", tmp_path / "stick", drive]) == drive


def test_without_a_drive_the_button_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardNotFoundError, match="BOOTSEL"):
        uf2_drive.find_drive(RP2040, [tmp_path])


def test_two_drives_are_not_chosen_between(tmp_path: Path) -> None:
    with pytest.raises(BoardNotFoundError, match="--drive"):
        uf2_drive.find_drive(RP2040, [make_drive(tmp_path / "a"), make_drive(tmp_path / "b")])


def test_the_drive_of_another_board_is_the_wrong_board(tmp_path: Path) -> None:
    with pytest.raises(WrongBoardError, match="RP2350"):
        uf2_drive.find_drive(RP2040, [make_drive(tmp_path / "a", "RP2350")])


def test_mounted_folders_are_read_with_their_blanks(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("/dev/sda1 /media/ada/RPI\\040RP2 vfat rw 0 0\nproc /proc proc rw 0 0\n")
    assert uf2_drive.mounted_folders(tmp_path / "mounts") == [Path("/media/ada/RPI RP2"), Path("/proc")]


def test_the_whole_file_is_copied_and_the_drive_waited_for(tmp_path: Path) -> None:
    data = uf2.encode(sealed(RP2040, size=50_000), RP2040.flash.origin, FAMILY)
    drive = make_drive(tmp_path / "drive")
    rom = BootRom(drive, len(data) // 512)
    seen: list[tuple[int, int]] = []
    uf2_drive.copy(data, drive, lambda what, done, total: seen.append((done, total)))
    assert rom.data == data
    assert uf2_drive.board_id(drive) is None
    assert seen[-1] == (len(data), len(data))


def test_a_drive_that_stays_has_not_taken_the_image(tmp_path: Path) -> None:
    drive = make_drive(tmp_path / "drive")
    passed = iter(range(1000))
    with pytest.raises(FlashError, match="still a drive") as failure:
        uf2_drive.copy(bytes(512), drive, quiet, clock=lambda: float(next(passed)), sleep=lambda s: None)
    assert failure.value.exit_code == 3


def test_a_drive_that_leaves_early_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = make_drive(tmp_path / "drive")

    def unplug(what: str, done: int, total: int) -> None:
        (drive / uf2_drive.INFO_NAME).unlink(missing_ok=True)
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(FlashError, match="left after 8,192 of 51,200 bytes"):
        uf2_drive.copy(bytes(51_200), drive, unplug)


def test_a_drive_that_is_gone_before_it_confirms_the_last_block_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = make_drive(tmp_path / "drive")

    def leave(descriptor: int) -> None:
        (drive / uf2_drive.INFO_NAME).unlink()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", leave)
    told: list[tuple[int, int]] = []
    uf2_drive.copy(bytes(51_200), drive, lambda what, done, total: told.append((done, total)))
    assert told[-1] == (51_200, 51_200)
    assert uf2_drive.board_id(drive) is None


def test_a_drive_that_is_full_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(FlashError, match="is full"):
        uf2_drive.copy(bytes(512), make_drive(tmp_path / "drive"), quiet)
