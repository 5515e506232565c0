"""A board and an app -> the linked program, its bytes for the flash, and the flash and RAM it needs.

Either of two compilers is used: gcc-arm-none-eabi from Debian or zig from PyPI. The same sources and the same compiler
give the same bytes: nothing of the machine, the time or the folder gets into them.
"""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from firmware_bridge.boards import FIRMWARE, FIRMWARE_VERSION, Board, find
from firmware_bridge.build.elf import address_of, check_segments, flatten, read_segments, read_symbols
from firmware_bridge.build.errors import BuildError
from firmware_bridge.build.settings import SETTINGS, Settings, check
from firmware_bridge.build.uf2 import boot2_with_crc
from firmware_bridge.errors import ToolMissingError
from firmware_bridge.files import unwritable, writing
from firmware_bridge.installing import install_package

SOURCES = FIRMWARE
GCC = "arm-none-eabi-gcc"
GCC_PACKAGE = "sudo apt-get install --no-install-recommends gcc-arm-none-eabi"

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
_COMMON = ("-std=c99", *WARNINGS, "-ffreestanding", "-nostdlib", "-ffunction-sections", "-fdata-sections")
_LINK = ("-Wl,--gc-sections", "-Wl,-e,ink_start")
_GCC = ("-mthumb", "-fno-tree-loop-distribute-patterns", "-fstack-usage", "-fcallgraph-info=su", "-Wl,--fatal-warnings")
# Without -g zig strips the names of functions and variables, which the emulators need. sections.ld discards the debug
# information itself, because it names the folder of the build.
_ZIG = ("-target", "thumb-freestanding-eabi", "-fno-sanitize=undefined", "-Wno-unused-command-line-argument", "-g")

STACK_USE = "stack"
"""Folder beside the ELF in which gcc leaves the stack use and the callees of every function."""

_RUNTIME = {"gcc": ("-lgcc",), "zig": ("-lcompiler_rt",)}
_OTHERS = {"pen": "ink/segment*.c", "camera": "ink/pen.c", "bench": "ink/segment*.c"}
"""By app, the pattern of the sources that it does not need and that are not compiled for it."""


@dataclass(frozen=True)
class Toolchain:
    """An installed compiler: `name` is gcc or zig, `version` is what it reports, `command` calls it."""

    name: str
    version: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Built:
    """The result of a build.

    elf, bin  the linked program, and the bytes of the flash from its start on
    flash_bytes  the length of `bin`
    ram_bytes  variables and the reserve for the stack
    settings  the settings that differ from their defaults

    A build by gcc also leaves the stack use of every function in the folder STACK_USE.
    """

    board: Board
    app: str
    elf: Path
    bin: Path
    flash_bytes: int
    ram_bytes: int
    toolchain: Toolchain
    settings: Settings = field(default_factory=dict)


def toolchains() -> list[Toolchain]:
    """Return the installed compilers, the preferred one first."""
    found = []
    if shutil.which(GCC):
        found.append(Toolchain("gcc", _first_line(GCC, "-dumpfullversion"), (GCC,)))
    if importlib.util.find_spec("ziglang"):
        command = (sys.executable, "-m", "ziglang")
        found.append(Toolchain("zig", _first_line(*command, "version"), (*command, "cc")))
    return found


def find_toolchain(name: str | None = None) -> Toolchain:
    """Return the compiler of that name, by default the preferred one.

    Raises ToolMissingError, which says how to install it, if it is not there.
    """
    for toolchain in toolchains():
        if name in (None, toolchain.name):
            return toolchain
    ways = {"gcc": f"`{GCC_PACKAGE}`", "zig": install_package("ziglang")}
    how = ways.get(name or "", f"{ways['gcc']}, or without root {ways['zig']}")
    raise ToolMissingError(f"no compiler{f' {name}' if name else ''} for the boards: {how}")


def build(
    board: str,
    app: str,
    out: Path,
    *,
    toolchain: str | None = None,
    optimise: str = "s",
    settings: Settings = MappingProxyType({}),
) -> Built:
    """Compile and link `app` for `board` into BOARD-APP.elf and BOARD-APP.bin in the folder `out`.

    The folder is created if needed. `settings` are those of settings.py; a setting at its default changes nothing.

    Raises:
      UnknownBoardError  there is no such board
      SettingError  the app has no such setting, or the value is not allowed
      ToolMissingError  the compiler is not installed
      UnwritableError  the folder, or what is made in it, cannot be written
      BuildError  the board has no such app, the compiler reports an error, or link.ld and board.toml disagree about
                  the store
      SegmentError  the program does not fit
    """
    chosen = find(board)
    if app not in chosen.apps:
        raise BuildError(f"{board} has no app {app!r}: it has {', '.join(chosen.apps)}")
    changed = check(settings, chosen, app)
    tool = find_toolchain(toolchain)
    with writing(out, "choose another --out"):
        (out / STACK_USE).mkdir(parents=True, exist_ok=True)
    elf, binary = (out.resolve() / f"{board}-{app}.{suffix}" for suffix in ("elf", "bin"))
    _compile(chosen, app, elf, tool, optimise, changed)
    linked = elf.read_bytes()
    segments = read_segments(linked)
    check_segments(segments, chosen)
    _check_store(address_of(read_symbols(linked), "ink_store"), chosen)
    image = flatten(segments, chosen)
    with writing(binary, "choose another --out"):
        binary.write_bytes(boot2_with_crc(image) if chosen.boot2 else image)
    ram = sum(segment.size for segment in segments if chosen.ram.holds(segment.address, segment.size))
    return Built(chosen, app, elf, binary, len(image), ram, tool, changed)


def source_files(board: Board, app: str) -> list[str]:
    """Return the sources of the program as paths relative to SOURCES, in an order that never changes."""
    groups = (f"apps/{app}_app.c", "apps/delivery.c", "core/**/*.c", "boards/*.c", f"boards/{board.folder}/*.[cS]")
    found = (path for group in groups for path in sorted(SOURCES.glob(group), key=lambda path: path.name))
    return [path.relative_to(SOURCES).as_posix() for path in found if not path.match(_OTHERS[app])]


def _compile(board: Board, app: str, elf: Path, tool: Toolchain, optimise: str, settings: Settings) -> None:
    defined = {
        "INK_VERSION": f'"{FIRMWARE_VERSION}"',
        "INK_BOARD_NAME": f'"{board.name}"',
        "INK_STORE_TOTAL_BYTES": board.store.size,
        **{SETTINGS[name].macro: settings[name] for name in settings},
    }
    own = (*_GCC, "-dumpdir", f"{elf.parent / STACK_USE / elf.stem}-") if tool.name == "gcc" else _ZIG
    cpu = board.cpu if tool.name == "gcc" else board.cpu.replace("-", "_")
    command = [
        *tool.command, *_COMMON, *own, f"-mcpu={cpu}", f"-O{optimise}", *_LINK,
        f"-I{board.folder}", "-I.", "-I../core", "-include", f"{board.folder}/board.h",
        *(f"-D{macro}={value}" for macro, value in defined.items()), f"-Wl,-T,{board.folder}/link.ld",
        *(f"../{source}" for source in source_files(board, app)),
        *_RUNTIME[tool.name], "-o", str(elf),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=SOURCES / "boards", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        for number in (errno.ENOSPC, errno.EDQUOT):
            if os.strerror(number) in done.stderr:
                raise unwritable(elf, OSError(number, os.strerror(number)), "choose another --out")
        raise BuildError(f"{board.name} {app}: {tool.name} {tool.version} objects:\n{done.stderr.strip()}")


def _check_store(origin: int, board: Board) -> None:
    if origin != board.store.origin:
        raise BuildError(f"{board.name}: the store is at {origin:#x} in link.ld, {board.store.origin:#x} in board.toml")


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0].strip()
