"""A board, a size and a seed -> images for tests, of invented or small linked programs; two keys."""

import random
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from needs import require

from firmware_bridge.boards import HEADER_BYTES, HEADER_OFFSET, Board
from firmware_bridge.build import image
from firmware_bridge.build.compile import GCC
from firmware_bridge.build.image import Version
from firmware_bridge.trust.signing import SigningKey
from firmware_bridge.wire.messages import PROTOCOL_HASH

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def program(board: Board, size: int = 0x1234, seed: int = 1) -> bytes:
    """Return the bytes of an invented program, with room for a header."""
    data = bytearray(random.Random(f"{board.name} {seed}").randbytes(size))
    data[HEADER_OFFSET : HEADER_OFFSET + HEADER_BYTES] = b"\xff" * HEADER_BYTES
    return bytes(data)


def sealed(
    board: Board,
    *,
    size: int = 0x1234,
    seed: int = 1,
    version: Version = (1, 2, 3),
    signer: SigningKey | None = KEY,
    app: str = "",
) -> bytes:
    """Return an image, signed unless `signer` is None."""
    content = program(board, size, seed)
    return image.seal(content, board, app or board.apps[0], version, PROTOCOL_HASH, signer)


LINKER_SCRIPT = """
MEMORY {{ FLASH (rx): ORIGIN = {flash:#x}, LENGTH = {flash_size:#x}
          RAM (rwx): ORIGIN = {ram:#x}, LENGTH = {ram_size:#x} }}
SECTIONS {{
  .boot2 : {{ KEEP(*(.boot2)) }} > FLASH
  .vectors : {{ KEEP(*(.vectors)) }} > FLASH
  .ink_header {flash:#x} + 0x200 : {{ KEEP(*(.ink_header)) }} > FLASH
  .text : {{ *(.text*) *(.rodata*) }} > FLASH
  .data : {{ *(.data*) }} > RAM AT > FLASH
  .bss : {{ *(.bss*) }} > RAM
  /DISCARD/ : {{ *(.ARM*) *(.comment) }}
}}
"""

SOURCE = """
extern void reset(void);
__attribute__((section(".ink_header"), used)) const unsigned char header[256] = {{0}};
__attribute__((section(".vectors"), used)) void *const vectors[2] = {{ (void *)({stack:#x}), (void *)reset }};
volatile int counter = 42;
volatile int table[16];
void reset(void) {{ for (;;) {{ table[counter & 15]++; counter++; }} }}
"""


def link(board: Board, folder: Path, *, flash: int | None = None, source: str = SOURCE, extra: str = "") -> Path:
    """Link a small program for the board, its flash at `flash`; return the ELF. Skips without gcc."""
    require("arm-none-eabi-gcc")
    origin = board.flash.origin if flash is None else flash
    script = LINKER_SCRIPT.format(
        flash=origin, flash_size=board.flash.size, ram=board.ram.origin, ram_size=board.ram.size
    )
    (folder / "link.ld").write_text(script)
    (folder / "main.c").write_text(source.format(stack=board.ram.end))
    sources = [str(folder / "main.c")]
    if extra:
        (folder / "boot2.S").write_text(extra)
        sources.append(str(folder / "boot2.S"))
    elf = folder / "program.elf"
    subprocess.run(
        [GCC, f"-mcpu={board.cpu}", "-mthumb", "-Os", "-ffreestanding", "-nostdlib", "-Wl,--build-id=none",
         f"-Wl,-T,{folder / 'link.ld'}", *sources, "-o", str(elf)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return elf
