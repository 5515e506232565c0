"""Emulated firmware built for 8-bit grey, and `inkgate run` with bundles of either depth."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from emulated import needs_tools
from tiny_gate import signed

from edge.bundle.bundle import write_bundle
from edge.bundle.manifest import Manifest
from edge.cli.run import run
from edge.decision.rule import Decision
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.power_on import build_and_power_on, name_of
from firmware_bridge.session.errors import PixelDepthError
from firmware_bridge.trust.board_keys import KeyStore
from train.synthetic.board_input import write_texts
from train.synthetic.digitiser import board_words

pytestmark = needs_tools

WRITTEN = write_texts([3], ["271828"], np.random.default_rng(5))
PATIENCE_S = 60


@pytest.mark.parametrize("bits", [8, 1])
def test_grey_is_decided_as_its_fragments_say_and_a_bundle_of_another_depth_names_the_build_that_helps(
    bits: int, manifest: Manifest, contents: dict[str, bytes], oracle: Callable[[np.ndarray], Decision], tmp_path: Path
) -> None:
    signed(write_bundle(tmp_path / "bundle", msgspec.structs.replace(manifest, pixel_bits=bits), contents))
    memory = SelfProvisioned(KeyStore(), name_of("stm32f405"))
    emulator = build_and_power_on("stm32f405", "pen", memory, {"pixel_bits": 8})
    with EmulatedBoard(emulator, WRITTEN, fast=True) as board:
        options = ["--port", board.path, "--bundle", tmp_path / "bundle", "--words", 1, "--idle-timeout", PATIENCE_S]
        result = CliRunner().invoke(run, [*map(str, options), "--json"])
    if bits == 1:
        assert isinstance(result.exception, PixelDepthError)
        assert result.exception.exit_code == 2
        assert "`inkgate firmware build stm32f405 pen --set pixel_bits=1`" in str(result.exception)
        return
    assert result.exit_code == 0, result.exception
    (word,) = board_words(WRITTEN[0])
    expected = oracle(np.stack(word))
    final = json.loads(result.stdout.splitlines()[-1])
    assert (final["decision"], final["user"], final["score"]) == (expected.verdict.name, expected.user, expected.score)
    assert (final["symbols"], final["final"]) == (6, True)
