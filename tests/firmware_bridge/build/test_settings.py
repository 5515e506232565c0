"""`inkgate firmware build --set`: settings reach the firmware, impossible ones are refused by name."""

import re
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any

import clib
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from emulated import needs_tools
from firmware_command import code, facts, inkgate, needs_gcc
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing
from received import received

from edge.ink.pen import PenConfig, capture
from edge.ink.raster import raster_pack, raster_strokes
from edge.ink.segment import Segmentation, segment, segment_fragment
from firmware_bridge.boards import BOARDS
from firmware_bridge.build import settings_header
from firmware_bridge.build.compile import build
from firmware_bridge.build.settings import SETTINGS, Settings
from firmware_bridge.cli.firmware import firmware
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.power_on import build_and_power_on, name_of
from firmware_bridge.emulate.qemu import Emulator
from firmware_bridge.session.events import Connected
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire.pixels import pack_bits
from train.synthetic.board_input import photograph, write_texts
from train.synthetic.digitiser import board_words
from train.synthetic.writers import synthetic_set

PEN = PenConfig(
    rate_hz=20, contact=80, release=50, nominal=700, gap=260, back=400, line=300, spacing=11, pen_up_ms=600,
    word_ms=1200, least_ms=60,
)  # fmt: skip
"""No field has its default; symbols are 30 samples apart."""


def values(config: PenConfig) -> dict[str, int]:
    return {field.name: getattr(config, field.name) for field in fields(config)}


def powered(board: str, app: str, settings: Settings) -> Emulator:
    memory = SelfProvisioned(KeyStore(), name_of(board))
    return build_and_power_on(board, app, memory, settings)


def test_settings_h_is_fresh() -> None:
    assert settings_header.stale(SETTINGS.values()) == {}
    assert CliRunner().invoke(settings_header.main, ["--check"]).exit_code == 0


@pytest.mark.parametrize("change", [{"default": 99}, {"allowed": range(20, 402)}, {"meaning": "other words"}])
def test_a_setting_that_is_changed_makes_settings_h_stale_and_check_writes_nothing(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings_header.HEADER.read_bytes()
    monkeypatch.setitem(SETTINGS, "rate_hz", replace(SETTINGS["rate_hz"], **change))
    result = CliRunner().invoke(settings_header.main, ["--check"])
    assert result.exit_code == 1
    assert "run `python -m firmware_bridge.build.settings_header`" in result.stderr
    assert settings_header.HEADER.read_bytes() == before


def test_defaults_are_those_of_the_c_and_of_its_python_twin() -> None:
    header = settings_header.HEADER.read_text()
    assert dict(re.findall(r"#define (\w+) (\d+)", header)) == {s.macro: str(s.default) for s in SETTINGS.values()}
    assert {name: setting.default for name, setting in SETTINGS.items()} == {**values(PenConfig()), "pixel_bits": 1}


def test_every_setting_of_the_pen_reaches_its_place_in_the_c() -> None:
    flags = tuple(f"-D{SETTINGS[name].macro}={value}" for name, value in values(PEN).items())
    lib = clib.library("pen", "mem", clib.TWINS / "twin_pen.c", flags=flags)
    memory = lib.buffer(2 * len(fields(PenConfig)))
    lib.function("twin_pen_defaults")(memory)
    assert tuple(np.frombuffer(memory, np.uint16).tolist()) == astuple(PEN)
    assert all(a != b for a, b in zip(astuple(PEN), astuple(PenConfig()), strict=True))


@pytest.mark.parametrize(("arguments", "said"), [
    (("stm32f405", "pen", "--set", "word=900"), "app pen has no setting 'word'.*word_ms +100 to 10000 ms, default"),
    (("rp2040", "camera", "--set", "word_ms=900"), "app camera has no setting 'word_ms'.*pixel_bits"),
    (("mps2-an386", "bench", "--set", "word_ms=900"), "app bench has no setting 'word_ms'"),
    (("stm32f405", "pen", "--set", "word_ms=90"), "word_ms=90: it is 100 to 10000 ms, 1000 if it is not set"),
    (("stm32f405", "pen", "--set", "rate_hz=0"), "rate_hz=0: it is 20 to 400 Hz"),
    (("stm32f405", "pen", "--set", "pixel_bits=4"), "pixel_bits=4: it is 1 or 8 bits"),
    (("stm32f405", "pen", "--set", "pen_up_ms"), "'pen_up_ms' is not NAME=VALUE"),
    (("stm32f405", "pen", "--set", "pen_up_ms=0.5"), "'pen_up_ms=0.5' is not NAME=VALUE"),
    (("stm32f405", "pen", "--set", "gap=-1"), "'gap=-1' is not NAME=VALUE"),
    (("stm32f405", "pen", "--set", "gap=100", "--set", "gap=200"), "gap is set to 100 and to 200"),
    (("stm32f405", "pen", "--set", "contact=20"), "release=32 is above contact=20"),
    (("nrf51", "pen", "--set", "pixel_bits=8"), "pixel_bits=8: nrf51 has no memory"),
    (("--all", "--set", "word_ms=900"), "--set is for one BOARD and APP"),
    (("rp2040", "--set", "word_ms=900"), "--set is for one BOARD and APP"),
])  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_with_what_can(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    result = inkgate("build", *arguments, "--unsigned", "--out", folder)
    assert code(result) == 2
    assert re.search(said, f"{result.exception}{result.stderr}", re.DOTALL)
    assert not list(folder.glob("*.img"))


@needs_gcc
def test_the_same_settings_give_one_hash_defaults_that_of_none_and_what_differs_is_told(folder: Path) -> None:
    def built(*settings: str) -> dict[str, object]:
        options = [part for setting in settings for part in ("--set", setting)]
        return facts(inkgate("build", "stm32f405", "pen", *options, "--unsigned", "--out", folder, "--json"))

    plain, default = built(), built("word_ms=1000", "pixel_bits=1")
    slow, again = built("word_ms=1500", "gap=200"), built("gap=200", "word_ms=1500", "line=400")
    assert plain["sha256"] == default["sha256"] != slow["sha256"] == again["sha256"]
    assert plain["settings"] == default["settings"] == {}
    assert slow["settings"] == again["settings"] == {"gap": 200, "word_ms": 1500}
    table = inkgate("build", "stm32f405", "pen", "--set", "word_ms=1500", "--unsigned", "--out", folder)
    assert "stm32f405-pen.img" in table.stderr
    assert ", word_ms=1500\n" in table.stderr


def test_a_shell_completes_the_names_that_the_app_has() -> None:
    shell = ShellComplete(firmware, {}, "inkgate", "_INKGATE_COMPLETE")
    offered = {item.value: item.help for item in shell.get_completions(["build", "rp2040", "pen", "--set"], "pe")}
    assert offered == {"pen_up_ms=": "20 to 10000 ms: without contact: a symbol ends"}
    camera = shell.get_completions(["build", "rp2040", "camera", "--set"], "")
    assert [item.value for item in camera] == ["pixel_bits="]


@needs_tools
def test_a_board_with_other_settings_cuts_words_as_the_python_twin_with_them_does() -> None:
    written = write_texts([3, 4], ["31415926", "24"], np.random.default_rng(5))
    words = [capture(map(tuple, samples.tolist()), PEN) for samples in written]
    expected = [[raster_pack(raster_strokes(points)) for points in word] for each in words for word in each]
    assert len(expected) == 10, "a pause of 24 samples ends a word"
    with EmulatedBoard(powered("mps2-an386", "pen", values(PEN)), written, fast=True) as emulated:
        _, *sent = received(emulated.start(), len(expected))
    assert [[pack_bits(pixels) for pixels in word] for word in sent] == expected


@needs_tools
@pytest.mark.parametrize("board", [board.name for board in BOARDS.values() if 8 in board.pixel_bits])
def test_a_pen_board_that_is_built_for_grey_sends_the_twins_grey_fragments(board: str) -> None:
    written = write_texts([3], ["2718"], np.random.default_rng(5))
    (expected,) = board_words(written[0])
    with EmulatedBoard(powered(board, "pen", {"pixel_bits": 8}), written, fast=True) as emulated:
        connected, word = received(emulated.start(), 1)
    assert isinstance(connected, Connected)
    assert connected.info.pixel_bits == 8
    np.testing.assert_array_equal(word, expected)
    assert len(np.unique(word)) > 100


@pytest.mark.slow("a processor emulated in Python takes a grey picture, eight times the bits of a black-and-white one")
@needs_tools
@pytest.mark.parametrize("board", [board.name for board in BOARDS.values() if "camera" in board.apps])
def test_a_camera_board_that_is_built_for_grey_sends_the_twins_grey_fragments(board: str) -> None:
    (picture,) = photograph([synthetic_set(1, 5, seed=3).pixels], np.random.default_rng(8))
    found = segment(picture)
    assert isinstance(found, Segmentation)
    expected = [segment_fragment(found, place) for place in range(len(found.symbols))]
    with EmulatedBoard(powered(board, "camera", {"pixel_bits": 8}), [picture], fast=True) as emulated:
        _, word = received(emulated.start(), 1)
    np.testing.assert_array_equal(word, expected)


@needs_gcc
@pytest.mark.parametrize(("board", "app"), [(b.name, a) for b in BOARDS.values() for a in b.apps if a != "bench"])
def test_a_board_has_memory_for_every_depth_that_it_may_be_built_for(board: str, app: str, tmp_path: Path) -> None:
    for bits in BOARDS[board].pixel_bits:
        program = build(board, app, tmp_path, toolchain="gcc", settings={"pixel_bits": bits})
        assert program.ram_bytes <= program.board.ram.size
        print(f"{board} {app}: {program.ram_bytes:,} bytes of RAM at {bits} bits")
