"""The Pico's driver of an Arducam Mega, as built: every sensor, every failure, drivers with a fault.

The whole firmware with the same camera is in test_boards.py.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from chips.registers import MisuseError
from chips.rp2040 import CameraBoard
from emulated import built, needs_tools, powered
from mutants import build_changed

from firmware_bridge.emulate.arducam_mega import SENSORS, Mega
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.rp2040 import PicoBoard
from firmware_bridge.link.link import open_link
from firmware_bridge.session.events import BoardFault
from firmware_bridge.wire.messages import SILENCE_MS

pytestmark = needs_tools

CYCLES_PER_INSTRUCTION = 1.6
"""A segmenting Cortex-M0+: rp2040py counts 1.5; the rest allows for misses of the flash's cache."""
PICTURES = [np.random.default_rng(seed).integers(0, 256, 320 * 240, np.uint8).tobytes() for seed in (1, 2)]


def board(camera: Mega) -> CameraBoard:
    return CameraBoard.started(built("rp2040", "camera"), camera)


def showing(picture: bytes, sensor: int = 0x82) -> Mega:
    camera = Mega(sensor)
    camera.picture = picture
    return camera


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_picture_is_what_the_camera_sees_whichever_mega_it_is(sensor: int) -> None:
    assert board(showing(PICTURES[0], sensor)).take() == PICTURES[0]


def test_a_camera_is_set_up_once_and_again_after_it_was_gone() -> None:
    camera = showing(PICTURES[0])
    pico = board(camera)
    assert pico.take() == PICTURES[0]
    camera.picture = PICTURES[1]
    assert pico.take(looks=10) == PICTURES[1], "no waiting for a set-up"
    camera.present = False
    assert pico.take() is None
    fresh = showing(PICTURES[0])
    camera.__dict__.update(fresh.__dict__)  # plugged in again, all registers reset
    assert pico.take() == PICTURES[0]


@pytest.mark.parametrize("row", [0, 120, 239])
def test_a_camera_that_goes_while_its_picture_is_read_is_noticed(row: int) -> None:
    camera = showing(PICTURES[0])
    pico = board(camera)
    pico.call("ink_board_camera_start")
    while not pico.call("ink_board_camera_ready") & 0xFF:
        pico.pass_ms(10)
    read = []
    for number in range(240):
        camera.present = number < row
        read.append(pico.call("ink_board_camera_line", pico.put(bytes(320)), 320) & 0xFF)
    assert read[-1] == 0


def test_another_part_on_the_bus_is_no_camera() -> None:
    assert board(showing(PICTURES[0], sensor=0x55)).take() is None


@pytest.mark.parametrize("lines", [239, 120, 0])
def test_a_picture_that_is_too_short_is_none(lines: int) -> None:
    camera = showing(PICTURES[0])
    camera.lines = lines
    assert board(camera).take() is None


def scribble() -> bytes:
    """Return the slowest of 250 pictures of few strokes among many dots, all of them pieces."""
    rng = np.random.default_rng(66)
    picture = np.full((240, 320), 220, np.uint8)
    strokes, height = rng.integers(1, 12), rng.integers(20, 60)
    for _ in range(strokes):
        x, y = rng.integers(0, 300), rng.integers(0, 180)
        picture[y : y + height, x : x + rng.integers(3, 8)] = 20
    side, dots, width, depth = rng.integers(3, 7), rng.integers(60, 200), rng.integers(60, 320), rng.integers(40, 240)
    for _ in range(dots):
        x, y = rng.integers(0, width - side), rng.integers(0, depth - side)
        picture[y : y + side, x : x + side] = 20
    return picture.tobytes()


def fence() -> bytes:
    """Return the slowest of 200 pictures of toothed lines, where any place might be a joint."""
    picture = np.full((240, 320), 220, np.uint8)
    for y in range(12, 228, 14):
        picture[y, 6:314] = 20
        for x in range(6, 314, 4):
            picture[y - 3 : y + 1, x : x + 2] = 20
    return picture.tobytes()


@pytest.mark.parametrize("picture", [scribble, fence])
def test_no_picture_takes_as_long_as_the_watchdog_waits_or_the_host(picture: Callable[[], bytes]) -> None:
    pico = board(Mega())
    instructions = pico.segment(picture())
    takes_s = instructions * CYCLES_PER_INSTRUCTION / pico.clocks.system_hz
    print(f"{instructions:,} instructions, {takes_s:.2f} s of {pico.watchdog_s:.1f}")
    assert takes_s < 0.8 * pico.watchdog_s
    assert pico.watchdog_s < SILENCE_MS / 1000


def test_a_camera_that_is_gone_is_a_fault_that_the_host_is_told() -> None:
    running = powered("rp2040", "camera")
    assert isinstance(running, PicoBoard)
    with EmulatedBoard(running, [], fast=True) as emulated, open_link(emulated.start(), idle_timeout_s=60) as link:
        running.pull_camera()
        running.show(PICTURES[0])
        fault = next(event for event in link.events() if isinstance(event, BoardFault))
    assert (fault.code, fault.text) == ("camera_failed", "the camera does not answer")


PROGRAM = """
#include "../boards/services.h"
int main(void)
{
    static uint8_t row[INK_CAMERA_WIDTH];
    ink_board_init();
    ink_board_camera_start();
    return ink_board_camera_ready() && ink_board_camera_line(row, sizeof row);
}
"""
"""An app that is never run: it makes the linker keep what it names."""
MUTANTS = {
    "no reset": ("put(RESET, RESET_ALL);", ""),
    "no device address": ("{DEVICE, DEVICE_ADDRESS}, ", ""),
    "no format": ("{FORMAT, FORMAT_YUV}, ", ""),
    "no resolution": (", {SIZE, size}", ""),
    "the resolution of the other kind": ("sensor < SENSOR_SECOND_KIND", "sensor >= SENSOR_SECOND_KIND"),
    "not waiting while it is busy": ("(state & STATE_MASK) == STATE_IDLE", "true"),
    "the last picture's end taken for this one's": ("put(FIFO, FIFO_CLEAR);", ""),
    "no exposure": ("put(FIFO, FIFO_START);", ""),
    "the first byte taken for a pixel": ("        (void)exchange(0);\n    }\n    SPI_CR0", "    }\n    SPI_CR0"),
    "colour taken for grey": ("SPI_DR >> 8", "SPI_DR"),
    "no answer waited for": ("const uint8_t value = exchange(0);", "const uint8_t value = 0;"),
    "read one bit late": ("(void)exchange(0);\n    const", "const"),
    "never deselected": ("    SIO_OUT_SET = 1u << SELECT_PIN;\n    return value;", "    return value;"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_driver_with_one_thing_wrong_gets_no_picture(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = build_changed(tmp_path, monkeypatch, "rp2040", "camera", PROGRAM, "camera.c", *MUTANTS[name])
    camera = showing(PICTURES[0])
    try:
        pico = CameraBoard.started(program, camera)
        first = pico.take()
        camera.picture = PICTURES[1]
        taken = [first, pico.take()]
    except MisuseError:
        return
    assert taken != PICTURES
