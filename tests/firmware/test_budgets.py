"""Flash, RAM, stack, instructions and line that the firmware takes, held against budgets.json: no more than 5 % more.

`python tests/firmware/test_budgets.py` measures and writes the table anew. The figures are those of one compiler: for
another one the table has to be made first. Instructions are counted by QEMU and are no times.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import stack_depth
from emulated import built, needs_tools

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import find_toolchain
from firmware_bridge.build.elf import read_symbols
from firmware_bridge.emulate.qemu import QemuBoard

pytestmark = needs_tools

TABLE = Path(__file__).with_name("budgets.json")
APPS = [(board.name, app) for board in BOARDS.values() for app in board.apps]
LIMIT = 1.05
INSTRUCTIONS_PER_TICK = 1.25
LINE_BYTES_PER_S = 115_200 / 10
LEAST_FRAGMENTS_PER_S = 60
MEASURED = "measured"
"""A property of a test by this name is printed at the end: conftest.py."""

Hold = Callable[[str, dict[str, int]], None]


def sizes(board: str, app: str) -> dict[str, int]:
    program = built(board, app)
    stack = stack_depth.deepest(program.elf.parent, f"{board}-{app}")
    return {"flash": program.flash_bytes, "ram": program.ram_bytes, "stack": stack}


def instructions() -> dict[str, int]:
    """Of an M4, for one symbol of 0.64 s; and the bytes of its frame on the line."""
    with QemuBoard(built("mps2-an386", "bench"), options=["-icount", "shift=5"]) as board:
        board.host.sendall(b"?")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += board.host.recv(64)
    captured, rasterised, framed, wire_bytes = map(int, answer.split())
    counted = {"captured": captured, "rasterised": rasterised, "framed": framed}
    return {name: round(ticks * INSTRUCTIONS_PER_TICK) for name, ticks in counted.items()} | {"wire_bytes": wire_bytes}


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, int]]:
    found = json.loads(TABLE.read_text())
    if found["compiler"] != find_toolchain("gcc").version:
        pytest.skip(f"budgets are of gcc {found['compiler']}")
    return dict(found["budgets"])


@pytest.fixture
def hold(table: dict[str, dict[str, int]], record_property: Callable[[str, object], None]) -> Hold:
    """Says what was measured when the tests have ended; fails for what is more than 5 % above the table."""

    def check(name: str, measured: dict[str, int]) -> None:
        record_property(MEASURED, _line(name, measured, table[name]))
        over = {key: (value, table[name][key]) for key, value in measured.items() if value > LIMIT * table[name][key]}
        assert not over, (
            f"{name}: measured and budget: {over}; if that is meant, `python {TABLE.parent.name}/test_budgets.py`"
        )

    return check


def _line(name: str, measured: dict[str, int], budget: dict[str, int]) -> str:
    figures = (f"{key} {value:,} ({value / budget[key] - 1:+.1%})" for key, value in measured.items())
    return f"{name:18}" + "".join(f"{figure:27}" for figure in figures).rstrip()


@pytest.mark.parametrize(("board", "app"), APPS)
def test_flash_ram_and_stack_stay_within_their_budgets(hold: Hold, board: str, app: str) -> None:
    measured = sizes(board, app)
    hold(f"{board} {app}", measured)
    symbols = read_symbols(built(board, app).elf.read_bytes())
    assert measured["stack"] <= symbols["ink_stack_top"] - symbols["ink_stack_limit"]


def test_instructions_for_a_symbol_stay_within_their_budget_and_60_fragments_a_second_pass_the_line(
    hold: Hold, record_property: Callable[[str, object], None]
) -> None:
    measured = instructions()
    assert measured["captured"] > 0
    hold("instructions", measured)
    fragments_per_s = LINE_BYTES_PER_S / measured["wire_bytes"]
    record_property(MEASURED, f"{fragments_per_s:.1f} one-bit fragments a second at 115200 baud, tag and all")
    assert fragments_per_s >= LEAST_FRAGMENTS_PER_S


if __name__ == "__main__":
    budgets = {f"{board} {app}": sizes(board, app) for board, app in APPS} | {"instructions": instructions()}
    content = {"compiler": find_toolchain("gcc").version, "budgets": budgets}
    TABLE.write_text(json.dumps(content, indent=2) + "\n")
