"""`inkgate firmware provision` and `flash --provision` by their command lines: keys, refusals, proofs, lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from boot_drive import BootRom, make_drive
from chips.an3155 import BootLoader, PtyServer
from click.testing import CliRunner, Result
from firmware_command import code, facts, inkgate
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing
from images import sealed

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import board_store, uf2
from firmware_bridge.build.board_store import Kept
from firmware_bridge.cli import flash as cli_flash
from firmware_bridge.cli.keys import keys as keys_command
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.flash import provisioning
from firmware_bridge.trust.board_keys import KeyStore

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]
STORE = STM32.image_limit
SECRET = bytes(range(100, 132))


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_flash, "START_S", 0.0)
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.4)
    monkeypatch.setattr("firmware_bridge.link.ports.serial_list_ports.comports", list)


def flashed() -> BootLoader:
    loader = BootLoader()
    loader.flash[:0x1234] = sealed(STM32)
    return loader


def key_in(loader: BootLoader) -> bytes:
    kept = board_store.decode(bytes(loader.flash[STORE:]))
    assert kept is not None
    assert kept.key is not None
    return kept.key


def key_here(board: object) -> bytes:
    known = KeyStore().get(str(board))
    assert known is not None
    return known.key


def by_drive(folder: Path, *options: object) -> Result:
    """Provision a Pico by a boot drive of its own."""
    drive = make_drive(folder / f"drive {len(list(folder.iterdir()))}")
    BootRom(drive, RP2040.store.size // 256)
    return inkgate("provision", "--board", "rp2040", "--drive", drive, *options)


def test_by_uart_the_board_and_this_host_have_one_key_and_only_its_owner_can_read_it(folder: Path) -> None:
    loader = flashed()
    with PtyServer(loader) as server:
        done = facts(inkgate("provision", "--board", "stm32f405", "--port", server.port, "--json"))
    assert (done["method"], done["read_back"], done["authenticated"]) == ("uart", True, False)
    assert "nothing answered HELLO" in str(done["problem"])  # the emulated boot loader runs no program
    assert key_in(loader) == key_here(done["board"])
    assert [path.stat().st_mode & 0o777 for path in KeyStore().folder.glob("*.key")] == [0o600]
    assert loader.flash[:0x1234] == sealed(STM32)


def test_a_board_that_has_a_key_is_refused_unless_asked_for_again(folder: Path) -> None:
    loader = flashed()
    with PtyServer(loader) as server:
        first = facts(inkgate("provision", "--board", "stm32f405", "--port", server.port, "--json"))
        before = key_in(loader)
        loader.reset()
        refused = inkgate("provision", "--board", "stm32f405", "--port", server.port)
        assert code(refused) == 2
        assert "nothing to do" in str(refused.exception)
        assert key_in(loader) == before
        loader.reset()
        second = facts(inkgate("provision", "--board", "stm32f405", "--port", server.port, "--again", "--json"))
    assert second["board"] == first["board"]
    assert key_in(loader) == key_here(second["board"]) != before


def test_the_line_gives_no_key_any_more_and_the_command_that_does_is_named(folder: Path) -> None:
    with VirtualBoard([], memory=Unprovisioned(), link=folder / "a pen") as board:
        for arguments in (("--port", board.path), ("--port", board.path, "--again"), ("--port", "auto")):
            refused = inkgate("provision", *arguments)
            assert code(refused) == 2
            assert "no longer crosses the line" in str(refused.exception)
        assert f"`inkgate firmware provision --board MODEL --port '{board.path}'`" in str(
            inkgate("provision", "--port", board.path).exception
        )
    assert code(inkgate("provision")) == 2
    assert "--board: nrf51, rp2040, stm32f405" in inkgate("provision").stderr
    assert KeyStore().load() == {}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (("--board", "rp2041"), 2, "no board 'rp2041'"),
        (("--board", "mps2-an386"), 2, "emulators"),
        (("--board", "nrf51", "--method", "uf2"), 2, "nrf51 is flashed by swd"),
        (("--board", "rp2040", "--drive", "."), 3, "no boot drive"),
        (("--board", "stm32f405", "--port", "socket://127.0.0.1:9"), 3, "socket://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_provisioned_is_said_and_no_key_is_made(
    arguments: tuple[str, ...], exit_code: int, says: str, folder: Path
) -> None:
    refused = inkgate("provision", *arguments)
    assert code(refused) == exit_code
    assert says in str(refused.exception)
    assert KeyStore().load() == {}


def test_a_pico_gets_a_new_name_with_each_key_and_is_asked_on_no_port_that_is_not_known(folder: Path) -> None:
    first, second = (facts(by_drive(folder, "--json")) for _ in range(2))
    assert (first["method"], first["read_back"], first["authenticated"]) == ("uf2", False, False)
    assert first["problem"] is None
    assert first["board"] != second["board"]
    assert key_here(first["board"]) != key_here(second["board"])
    assert "no port is known: `inkgate firmware info --port PORT` has the board prove it" in by_drive(folder).stderr


def test_a_pico_that_starts_with_its_record_proves_the_key_on_its_port(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(7, SECRET, 0)
    monkeypatch.setattr(provisioning, "draw", lambda *_: kept)
    with VirtualBoard([], memory=Unprovisioned(SECRET), board="rp2040-00000007") as board:
        done = by_drive(folder, "--port", board.path, "--json")
    assert facts(done)["authenticated"] is True
    assert facts(done)["board"] == "rp2040-00000007"
    assert "has proved it" in done.stderr


@pytest.mark.parametrize(
    ("name", "key", "exit_code", "says"),
    [
        ("rp2040-00000008", None, 3, "the board there is rp2040-00000008, not rp2040-00000007"),
        ("rp2040-00000007", None, 4, "has no key"),
        ("rp2040-00000007", bytes(32), 4, "has another key"),
    ],
)
def test_a_board_that_does_not_prove_the_key_is_told(
    name: str, key: bytes | None, exit_code: int, says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "draw", lambda *_: Kept(7, SECRET, 0))
    with VirtualBoard([], memory=Unprovisioned(key), board=name) as board:
        done = by_drive(folder, "--port", board.path, "--json")
    assert code(done) == exit_code
    assert says in str(done.exception)
    assert json.loads(done.stdout)["authenticated"] is False
    assert key_here("rp2040-00000007") == SECRET


def test_an_image_and_a_key_go_into_a_board_in_one_go(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32, seed=2))
    loader = flashed()
    with PtyServer(loader) as server:
        flash = "flash", folder / "a.img", "--port", server.port, "--provision", "--json"
        done = facts(inkgate(*flash))
        assert loader.flash[:0x1234] == sealed(STM32, seed=2)
        assert key_in(loader) == key_here(done["provisioned"])
        first, changes = key_in(loader), len(loader.changes)
        loader.reset()
        refused = inkgate(*flash)
        assert code(refused) == 2
        assert "has a key" in str(refused.exception)
        assert len(loader.changes) == changes
        loader.reset()
        again = facts(inkgate(*flash, "--erase-key"))
    assert again["provisioned"] == done["provisioned"]
    assert key_in(loader) == key_here(again["provisioned"]) != first


def test_an_image_and_a_key_go_into_a_pico_in_one_file_that_does_not_stay(folder: Path) -> None:
    content = sealed(RP2040)
    (folder / "a.img").write_bytes(content)
    drive = make_drive(folder / "drive")
    rom = BootRom(drive, -(-len(content) // 256) + RP2040.store.size // 256)
    done = facts(inkgate("flash", folder / "a.img", "--drive", drive, "--provision", "--json"))
    blocks = [rom.data[place : place + 512] for place in range(0, len(rom.data), 512)]
    held = {int.from_bytes(block[12:16], "little"): block[32:288] for block in blocks}
    assert b"".join(held[place] for place in range(RP2040.flash.origin, RP2040.flash.origin + len(content), 256))[
        : len(content)
    ] == (content)
    kept = board_store.decode(b"".join(held[place] for place in range(RP2040.store.origin, RP2040.store.end, 256)))
    assert kept is not None
    assert kept.key == key_here(done["provisioned"])
    assert not list(drive.glob("*.UF2"))
    assert kept.key not in uf2.encode_image(content, RP2040)
    assert not any(kept.key in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_output_holds_the_key(folder: Path) -> None:
    done = by_drive(folder, "--json")
    key = key_here(facts(done)["board"])
    assert key.hex() not in done.output + done.stderr
    assert repr(key) not in repr(Kept(7, key, 0))


def test_boards_are_listed_and_one_that_never_came_can_be_forgotten(folder: Path) -> None:
    KeyStore().put("pen-7", SECRET, 12)
    board = facts(by_drive(folder, "--json"))["board"]
    run = CliRunner().invoke
    rows = [json.loads(line) for line in run(keys_command, ["boards", "--json"]).stdout.splitlines()]
    assert {"board": board, "session": 0} in rows
    assert {"board": "pen-7", "session": 12} in rows
    assert f"{board}  never seen" in run(keys_command, ["boards"]).stderr
    assert run(keys_command, ["forget", str(board)]).exit_code == 0
    again = run(keys_command, ["forget", str(board)])
    assert code(again) == 2
    assert "`inkgate keys boards`" in str(again.exception)
    assert list(KeyStore().load()) == ["pen-7"]
    (KeyStore().folder / "pen-7.key").write_bytes(b"{")
    assert run(keys_command, ["forget", "pen-7"]).exit_code == 0
    assert KeyStore().load() == {}
