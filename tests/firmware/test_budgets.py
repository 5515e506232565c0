"""Flash, RAM, stack, instructions and line of the firmware stay within 5 % above budgets.json.

tests/support/budgets.py measures, and writes the table anew.
"""

import json
from collections.abc import Callable

import pytest
from budgets import APPS, TABLE, instructions, sizes
from emulated import built, needs_tools

from firmware_bridge.build.compile import find_toolchain
from firmware_bridge.build.elf import read_symbols

pytestmark = needs_tools

LIMIT = 1.05
LINE_BYTES_PER_S = 115_200 / 10
LEAST_FRAGMENTS_PER_S = 60
MEASURED = "measured"
"""conftest.py prints a test's properties of this name at the end of the run."""

Hold = Callable[[str, dict[str, int]], None]


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, int]]:
    found = json.loads(TABLE.read_text())
    if found["compiler"] != find_toolchain("gcc").version:
        pytest.skip(f"budgets are of gcc {found['compiler']}")
    return dict(found["budgets"])


@pytest.fixture
def hold(table: dict[str, dict[str, int]], record_property: Callable[[str, object], None]) -> Hold:
    """Check figures against the table, 5 % more allowed, and print the measured ones after the tests."""

    def check(name: str, measured: dict[str, int]) -> None:
        record_property(MEASURED, _line(name, measured, table[name]))
        over = {key: (value, table[name][key]) for key, value in measured.items() if value > LIMIT * table[name][key]}
        assert not over, f"{name}: measured and budget: {over}; if that is meant, `python tests/support/budgets.py`"

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
