"""Built firmware -> its measured flash, RAM and stack by app, and its instructions for a symbol.

`python tests/support/budgets.py` writes the table tests/firmware/budgets.json anew; a new board needs it. The figures
are those of one compiler; another one needs its own table. QEMU counts instructions, not time.
"""

import json
from pathlib import Path

import stack_depth
from emulated import built

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import find_toolchain
from firmware_bridge.emulate.qemu import QemuBoard

TABLE = Path(__file__).parents[1] / "firmware" / "budgets.json"
APPS = [(board.name, app) for board in BOARDS.values() for app in board.apps]
INSTRUCTIONS_PER_TICK = 1.25


def sizes(board: str, app: str) -> dict[str, int]:
    program = built(board, app)
    stack = stack_depth.deepest(program.elf.parent, f"{board}-{app}")
    return {"flash": program.flash_bytes, "ram": program.ram_bytes, "stack": stack}


def instructions() -> dict[str, int]:
    """Return an M4's instructions for one symbol of 0.64 s, and the bytes of its frame on the line."""
    with QemuBoard(built("mps2-an386", "bench"), options=["-icount", "shift=5"]) as board:
        board.host.sendall(b"?")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += board.host.recv(64)
    captured, rasterised, framed, wire_bytes = map(int, answer.split())
    counted = {"captured": captured, "rasterised": rasterised, "framed": framed}
    return {name: round(ticks * INSTRUCTIONS_PER_TICK) for name, ticks in counted.items()} | {"wire_bytes": wire_bytes}


if __name__ == "__main__":
    budgets = {f"{board} {app}": sizes(board, app) for board, app in APPS} | {"instructions": instructions()}
    content = {"compiler": find_toolchain("gcc").version, "budgets": budgets}
    TABLE.write_text(json.dumps(content, indent=2) + "\n")
