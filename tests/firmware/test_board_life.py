"""A board's life by `inkgate firmware` alone: build, sign, flash, provision, run, reset."""

from dataclasses import replace
from pathlib import Path

import pytest
from boot_drive import BootRom, make_drive
from chips.an3155 import BootLoader, PtyServer
from emulated import needs_tools
from firmware_command import code, facts, inkgate, own_key
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.build import elf, uf2
from firmware_bridge.build.compile import build
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.emulate.power_on import build_and_power_on, name_of, with_header
from firmware_bridge.emulate.qemu import QemuBoard
from firmware_bridge.emulate.rp2040 import PicoBoard
from firmware_bridge.link.errors import TerminalMissingError
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameReceiver, encode_frame

BOARD, PICO = BOARDS["stm32f405"], BOARDS["rp2040"]

pytestmark = needs_tools


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what crosses the line between an emulated board and its host, both ways, in order."""
    heard: list[bytes] = []
    carry = NoisyLine.carry

    def listen(line: NoisyLine, data: bytes) -> bytes:
        heard.append(data)
        return carry(line, data)

    monkeypatch.setattr(NoisyLine, "carry", listen)
    return heard


def pieces_heard(key: bytes, overheard: list[bytes]) -> list[bytes]:
    """Return the pieces of 8 bytes of the key that are in what was heard, as sent or with COBS undone."""
    raw = b"".join(overheard)
    told = raw + b"|" + b"|".join(FrameReceiver().feed(raw))
    return [key[at : at + 8] for at in range(len(key) - 7) if key[at : at + 8] in told]


def key_of(board: object) -> bytes:
    known = KeyStore().get(str(board))
    assert known is not None
    return known.key


def test_a_board_is_flashed_with_its_key_proves_it_and_no_piece_of_it_crosses_the_line(
    folder: Path, overheard: list[bytes]
) -> None:
    own_key()
    out = folder / "out"
    built = facts(inkgate("build", "stm32f405", "pen", "--out", out, "--json"))
    loader = BootLoader()
    with PtyServer(loader) as server:
        given = facts(inkgate("flash", built["image"], "--port", server.port, "--provision", "--json"))

    running = build("stm32f405", "pen", out)
    (out / "flashed.elf").write_bytes(elf.with_flash(running.elf.read_bytes(), BOARD, bytes(loader.flash)))
    running = replace(running, elf=out / "flashed.elf")
    with EmulatedBoard(QemuBoard(running, store=bytes(loader.flash[BOARD.image_limit :])), [], fast=True) as board:
        first = facts(inkgate("info", "--port", board.path, "--json"))
        assert (first["firmware"], first["protocol"]) == (built["firmware"], built["protocol"])
        assert (first["board"], first["authenticated"], first["starts"]) == (given["provisioned"], True, 1)
        refused = inkgate("provision", "--port", board.path)
        assert code(refused) == 2
        assert "no longer crosses the line" in str(refused.exception)
        board.reset()
        later = facts(inkgate("info", "--port", board.path, "--json"))
    assert (later["authenticated"], later["starts"]) == (True, 2)
    assert str(first["board"]).encode() in b"".join(overheard)
    assert pieces_heard(key_of(given["provisioned"]), overheard) == []


def test_a_pico_starts_with_the_key_from_its_boot_drive_and_proves_it(folder: Path, overheard: list[bytes]) -> None:
    drive = make_drive(folder / "drive")
    rom = BootRom(drive, PICO.store.size // 256)
    given = facts(inkgate("provision", "--board", "rp2040", "--drive", drive, "--json"))
    origin, store, _ = uf2.decode(rom.data)
    assert origin == PICO.store.origin
    with EmulatedBoard(PicoBoard(with_header(build("rp2040", "pen", folder / "out")), store=store), []) as board:
        said = facts(inkgate("info", "--port", board.path, "--json"))
    assert (said["board"], said["authenticated"]) == (given["board"], True)
    assert pieces_heard(key_of(given["board"]), overheard) == []


def test_a_listener_who_looks_for_pieces_of_a_key_finds_them() -> None:
    key = bytes(range(32))
    assert len(pieces_heard(key, [b"..\0", encode_frame(bytes(20) + key)])) == 25
    assert pieces_heard(key, [key[3:7], key[7:11]]) == [key[3:11]]


def test_a_program_that_lies_in_no_image_has_a_version_only(folder: Path) -> None:
    running = build("nrf51", "pen", folder / "out")
    with EmulatedBoard(QemuBoard(running), [], fast=True) as board:
        assert facts(inkgate("info", "--port", board.path, "--json"))["firmware"] == FIRMWARE_VERSION


@pytest.mark.parametrize(("board", "app"), [("nrf51", "pen"), ("rp2040", "camera"), ("mps2-an386", "pen")])
def test_an_emulated_board_says_which_image_it_runs(board: str, app: str, folder: Path) -> None:
    signed = facts(inkgate("build", board, app, "--out", folder / "out", "--json"))
    emulator = build_and_power_on(board, app, Unprovisioned())
    with EmulatedBoard(emulator, [], fast=True) as running:
        said = facts(inkgate("info", "--port", running.path, "--json"))
    assert (said["model"], said["kind"]) == (board, app)
    assert said["firmware"] == signed["firmware"] == f"{FIRMWARE_VERSION}+{str(signed['sha256'])[:8]}"


def test_an_emulated_board_without_a_key_is_nobody_whose_key_was_lost(folder: Path) -> None:
    KeyStore().put(name_of("nrf51"), bytes(wire.KEY_BYTES))
    names = {name_of("nrf51")}
    for _ in range(2):
        with EmulatedBoard(build_and_power_on("nrf51", "pen", Unprovisioned()), [], fast=True) as running:
            said = facts(inkgate("info", "--port", running.path, "--json"))
        assert said["authenticated"] is False
        names.add(str(said["board"]))
    assert len(names) == 3


def test_without_a_pseudo_terminal_the_emulator_is_ended_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError("out of pty devices")

    emulator = QemuBoard(build("nrf51", "pen", folder / "out"))
    monkeypatch.setattr("pty.openpty", none_left)
    with (
        pytest.raises(TerminalMissingError, match=r"out of pty devices.*/dev/pts") as failure,
        EmulatedBoard(emulator, []),
    ):
        pass
    assert failure.value.exit_code == 3
    assert emulator.host.fileno() == -1
