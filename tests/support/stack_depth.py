"""gcc's stack use and callees of every function (compile.STACK_USE) -> the deepest possible stack.

gcc does not see where calls through pointers go; these few are named here.
"""

import re
from functools import cache
from pathlib import Path

from firmware_bridge.build.compile import STACK_USE

EXCEPTION_FRAME_BYTES = 32 + 4
"""Bytes that the processor pushes at an interrupt, with the word that aligns the stack."""
LIBGCC_BYTES = 64
"""Stack of libgcc's divisions and multiplications: the deepest one, with the one that it calls."""
ROM_BYTES = 512
"""Stack allowed to the RP2040's boot ROM, whose flash functions need about half of it."""

INDIRECT = {
    "wait_for": ("begin", "add"),
    "ink_kept_begin": ("ink_board_store_read", "ink_board_store_write"),
    "ink_kept_remember": ("ink_board_store_write",),
    "flash_change": (),
    "rom_function": (),
    "find_nearest": ("breach", "kinship"),
    "look_again": ("breach", "kinship"),
    "sort_symbols": ("middle_x2", "by_line"),
}
"""Function -> the functions it calls through pointers; none means the boot ROM."""


def deepest(folder: Path, program: str) -> int:
    """Return the most stack, in bytes, that a program built by gcc needs: main and one interrupt."""
    own, calls = _read(folder, program)

    @cache
    def depth(function: str) -> int:
        name = function.rpartition(":")[2]
        below = [depth(callee) for callee in calls.get(function, ()) if callee != "__indirect_call"]
        if "__indirect_call" in calls.get(function, ()):
            below += [depth(callee) for callee in _named(INDIRECT[name], own)] or [ROM_BYTES]
        return own.get(function, LIBGCC_BYTES) + max(below, default=0)

    return depth("ink_start") + EXCEPTION_FRAME_BYTES + max(depth("ink_board_interrupt"), depth(_only("systick", own)))


def _read(folder: Path, program: str) -> tuple[dict[str, int], dict[str, set[str]]]:
    own: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for path in (folder / STACK_USE).glob(f"{program}-*.ci"):
        text = path.read_text()
        for title, size, kind in re.findall(r'node: { title: "([^"]+)" label: "[^"]*?(\d+) bytes \(([\w,]+)\)', text):
            assert kind == "static", f"{title} has no bounded stack"
            own[title] = int(size)
        for source, target in re.findall(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(source, set()).add(target)
    return own, calls


def _named(names: tuple[str, ...], own: dict[str, int]) -> list[str]:
    return [_only(name, own) for name in names]


def _only(name: str, own: dict[str, int]) -> str:
    (found,) = [title for title in own if title.rpartition(":")[2] == name]
    return found
