"""System, clock, power and disk: what is wrong with each is told, with what mends it."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.doctor import machine as module
from edge.doctor.finding import State, broken, doubtful, skipped, sound, worst
from edge.doctor.machine import BUILT_S, ENOUGH_BYTES, LEAST_BYTES, Machine, clock_synchronised


def test_this_machine_is_looked_at_as_it_is(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in Machine().findings([tmp_path / "not there yet"])}
    assert list(found) == ["system", "clock", "power", "disk"]
    assert found["system"].state is State.SOUND
    assert clock_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("change", "state", "told"),
    [
        ({"bits": 32}, State.BROKEN, "32 bit"),
        ({"python": (3, 9)}, State.BROKEN, "Python 3.9"),
        ({"python": (3, 14)}, State.SOUND, "Python 3.14"),
    ],
)
def test_systems_on_which_no_interpreter_runs_are_told(change: dict[str, Any], state: State, told: str) -> None:
    finding = Machine(**change).system()
    assert (finding.state, finding.exit_code) == (state, 2 if state is State.BROKEN else 0)
    assert told in finding.told


@pytest.mark.parametrize(
    ("now_s", "follows", "state"),
    [
        (0.0, True, State.BROKEN),
        (BUILT_S - 1.0, None, State.BROKEN),
        (BUILT_S + 1.0, False, State.DOUBTFUL),
        (BUILT_S + 1.0, None, State.SOUND),
        (BUILT_S + 1.0, True, State.SOUND),
    ],
)
def test_a_clock_that_was_never_set_is_broken(now_s: float, follows: bool | None, state: State) -> None:
    clock = Machine(now_s=lambda: now_s, synchronised=lambda: follows).clock()
    assert clock.state is state
    assert clock.mend == ("" if state is State.SOUND else "timedatectl set-ntp true")


@pytest.mark.parametrize(
    ("flags", "state", "told"),
    [
        ("0\n", State.SOUND, "enough"),
        ("50005\n", State.BROKEN, "voltage is too low now; the processor is throttled now"),
        ("0x50000\n", State.DOUBTFUL, "voltage is too low before; the processor is throttled before"),
        ("80008", State.BROKEN, "too hot now"),
        ("", State.SKIPPED, "no Raspberry Pi"),
        (None, State.SKIPPED, "no Raspberry Pi"),
    ],
)
def test_a_supply_that_is_too_weak_is_told(tmp_path: Path, flags: str | None, state: State, told: str) -> None:
    path = tmp_path / "get_throttled"
    if flags is not None:
        path.write_text(flags)
    power = Machine(throttled=path).power()
    assert power.state is state
    assert told in power.told
    assert bool(power.mend) is (state in (State.BROKEN, State.DOUBTFUL))


class Usage(NamedTuple):
    free: int


@given(st.integers(0, 2 * ENOUGH_BYTES))
def test_a_disk_that_fills_is_told_before_it_is_full(free: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.shutil, "disk_usage", lambda _: Usage(free))
        found = Machine().disk(Path("/nowhere/below"))
    wanted = State.BROKEN if free < LEAST_BYTES else State.DOUBTFUL if free < ENOUGH_BYTES else State.SOUND
    assert found.state is wanted
    assert ("du -xh /" in found.mend) is (wanted is not State.SOUND)


def test_the_worst_finding_gives_the_exit_code() -> None:
    fine = [sound("a", ""), doubtful("b", "", "do it"), skipped("c", "")]
    assert worst([]) == worst(fine) == 0
    assert worst([*fine, broken("d", "", "", 2), broken("e", "", "", 4), broken("f", "", "", 3)]) == 4
