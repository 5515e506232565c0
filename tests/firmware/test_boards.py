"""Real firmware in emulators, with strokes and pictures, equals the Python twins."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from emulated import built, needs_tools, powered, word_on, words_of
from received import APPS, PATIENCE_S, PENS, received

from edge.ink.pen import STUCK_MS, capture_timed
from firmware_bridge.build import board_store
from firmware_bridge.build.compile import build
from firmware_bridge.build.errors import BuildError
from firmware_bridge.emulate.emulated_board import EmulatedBoard, packets
from firmware_bridge.emulate.power_on import NUMBER, name_of
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.link.link import open_link
from firmware_bridge.session.events import BoardFault, Connected, FragmentReceived, WordEnded
from firmware_bridge.trust.board_keys import KeyStore
from train.synthetic.board_input import photograph, write_texts
from train.synthetic.digitiser import sample_word
from train.synthetic.picture import draw_blank
from train.synthetic.writers import synthetic_set, write_form

pytestmark = needs_tools

CAMERAS = [board for board, app in APPS if app == "camera"]


@pytest.mark.parametrize("tool", ["gcc", pytest.param("zig", marks=pytest.mark.needs("ziglang"))])
@pytest.mark.parametrize(("board", "app"), APPS)
def test_every_app_of_every_board_is_built_without_a_warning_by_either_compiler(
    board: str, app: str, tool: str, tmp_path: Path
) -> None:
    program = build(board, app, tmp_path, toolchain=tool) if tool == "zig" else built(board, app)
    assert program.flash_bytes <= program.board.image_limit
    assert program.ram_bytes <= program.board.ram.size


def test_the_same_sources_give_the_same_bytes_wherever_they_are_built(tmp_path: Path) -> None:
    twice = [build("rp2040", "pen", tmp_path / name, toolchain="gcc").bin.read_bytes() for name in ("a", "b")]
    assert twice[0] == twice[1] == built("rp2040", "pen").bin.read_bytes()


def test_an_app_that_a_board_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="stm32f405 has no app 'camera': it has pen"):
        build("stm32f405", "camera", tmp_path)


@pytest.mark.parametrize(("board", "texts", "spoiled"), [
    ("stm32f405", ["0123456789", "24"], 0.05),
    ("mps2-an386", ["31415926535897932384"], 0.05),
    ("rp2040", ["271", "8"], 0.02),
    ("nrf51", ["17"], 0.0),
])  # fmt: skip
def test_strokes_become_the_fragments_of_the_python_twin_on_a_proved_board(
    board: str, texts: list[str], spoiled: float
) -> None:
    written = write_texts([3, 4][: len(texts)], texts, np.random.default_rng(5))
    with EmulatedBoard(powered(board, "pen"), written, fast=True, loss=spoiled, corrupt=spoiled, seed=1) as emulated:
        connected, *words = received(emulated.start(), len(texts))
        assert isinstance(connected, Connected)
        assert connected.info.authenticated
        assert connected.info.board == name_of(board)
        assert emulated.wait(PATIENCE_S)
    expected = [word for samples in written for word in words_of(samples)]
    assert [len(word) for word in expected] == [len(text) for text in texts]
    for word, twin in zip(words, expected, strict=True):
        np.testing.assert_array_equal(word, twin)


@pytest.mark.parametrize("board", ["stm32f405", "mps2-an386"])
def test_the_times_of_every_symbol_arrive_as_the_python_twin_has_them(board: str) -> None:
    (samples,) = write_texts([3], ["271828"], np.random.default_rng(5))
    times: list[tuple[int | None, int | None]] = []
    with (
        EmulatedBoard(powered(board, "pen"), [samples], fast=True) as emulated,
        open_link(emulated.start(), connect_patience_s=PATIENCE_S, idle_timeout_s=PATIENCE_S) as link,
    ):
        for event in link.events():
            if isinstance(event, FragmentReceived):
                times = [*times[: event.index], (event.duration_ms, event.pause_ms)]
            if isinstance(event, WordEnded):
                break
    (word,) = capture_timed(map(tuple, samples.tolist()))
    assert times == [(symbol.duration_ms, symbol.pause_ms) for symbol in word]
    assert all(duration is not None and duration > 50 for duration, _ in times)


@pytest.mark.parametrize(
    ("pressure", "text"),
    [
        (1024, "the pen touches without end: its pressure does not fall"),
        (0, "the pen is near and never touches: its pressure does not rise"),
    ],
)
def test_a_pen_whose_pressure_is_broken_is_reported_as_a_fault(pressure: int, text: str) -> None:
    samples = np.tile(np.array([500, 500, pressure], np.uint16), (STUCK_MS // 10, 1))
    with EmulatedBoard(powered("mps2-an386", "pen"), [samples], fast=True) as emulated:
        _, fault = received(emulated.start(), 1)
    assert isinstance(fault, BoardFault)
    assert (fault.code, fault.text) == ("sensor_failed", text)


def test_a_synthetic_set_is_what_a_board_sends_of_the_same_writing() -> None:
    forms = [[strokes for _, strokes in islice(write_form(writer, seed=6), 20)] for writer in range(2)]
    with EmulatedBoard(powered("stm32f405", "pen"), [sample_word(form) for form in forms], fast=True) as emulated:
        _, *words = received(emulated.start(), len(forms))
    np.testing.assert_array_equal(np.concatenate(words), synthetic_set(2, 20, seed=6).to_bits(1).pixels)


@pytest.mark.parametrize("board", CAMERAS)
def test_a_picture_becomes_the_fragments_of_the_python_twin(board: str) -> None:
    (picture,) = photograph([synthetic_set(1, 5, seed=3).pixels], np.random.default_rng(8))
    with EmulatedBoard(powered(board, "camera"), [picture], fast=True) as emulated:
        _, word = received(emulated.start(), 1)
    np.testing.assert_array_equal(word, word_on(picture))


def test_a_blank_picture_is_reported_as_a_fault() -> None:
    with EmulatedBoard(powered("rp2040", "camera"), [draw_blank(np.random.default_rng(8))], fast=True) as emulated:
        _, fault = received(emulated.start(), 1)
    assert isinstance(fault, BoardFault)
    assert (fault.code, fault.text) == ("word_aborted", "the picture is blank")


def test_a_digitiser_that_falls_silent_in_a_word_ends_it_with_a_fault_and_damaged_packets_are_passed_over() -> None:
    (samples,) = write_texts([3], ["12"], np.random.default_rng(5))
    sent = packets(samples)
    cut = 8 * next(place for place in range(len(samples)) if samples[place:, 2].max() == 0)  # before the word's end
    damaged = b"\x00\xa5\xa5" + sent[:400] + b"\xa5" + sent[400:cut]
    with EmulatedBoard(powered("mps2-an386", "pen"), []) as emulated:
        conversation = received(emulated.start(), 1)
        next(conversation)
        emulated.touch(damaged)
        fault = next(conversation)
    assert isinstance(fault, BoardFault)
    assert (fault.code, fault.text) == ("sensor_failed", "the digitiser fell silent in a word")


@pytest.mark.parametrize("board", PENS)
def test_a_reset_begins_a_new_session_with_the_same_key_counted_in_the_flash(board: str) -> None:
    name = name_of(board)
    with EmulatedBoard(powered(board, "pen"), []) as emulated:
        first = next(received(emulated.start(), 1))
        emulated.reset()
        second = next(received(emulated.start(), 1))
        kept = board_store.decode(emulated.store())
    known = KeyStore().get(name)
    assert isinstance(first, Connected)
    assert isinstance(second, Connected)
    assert known is not None
    assert second.info.session == first.info.session + 1
    assert kept == board_store.Kept(NUMBER, known.key, second.info.session)
    assert second.info.authenticated


@pytest.mark.parametrize("board", PENS)
def test_what_a_board_is_told_of_the_journal_is_in_its_flash_after_a_reset(board: str) -> None:
    told = [bytes(range(place, place + 16)) for place in (1, 2)]
    with EmulatedBoard(powered(board, "pen"), []) as emulated:
        for head in told:
            with Inquiry(emulated.start()) as inquiry:
                inquiry.remember(head)
        emulated.reset()
        with Inquiry(emulated.start()) as inquiry:
            inquiry._until(lambda: inquiry._session.remembered is not None)
            assert inquiry._session.remembered == told[-1]
