"""`inkgate firmware flash` by its command line: effects, refusals, confirmation afterwards."""

import json
from pathlib import Path

import pytest
from boot_drive import BootRom, make_drive
from chips.an3155 import BootLoader, PtyServer
from click.testing import Result
from firmware_command import code, facts, inkgate
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing
from images import OTHER_KEY, sealed

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import image, uf2
from firmware_bridge.cli import flash as cli_flash
from firmware_bridge.emulate import virtual_board
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire.messages import Kind

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]


def test_flashing_ends_with_a_verified_read_back(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    loader = BootLoader()
    with PtyServer(loader) as server:
        done = facts(inkgate("flash", folder / "a.img", "--port", server.port, "--json"))
    assert (done["read_back"], done["confirmed"]) == (True, True)
    assert (done["board"], done["method"], done["where"]) == ("stm32f405", "uart", server.port)
    assert (done["written_bytes"], done["before"]) == (0x1234, None)
    assert loader.flash[:0x1234] == sealed(STM32)


def test_a_flipped_byte_in_the_flash_ends_in_exit_code_3(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    loader = BootLoader()
    loader.stuck[0x0800_0F00] = 0x80
    with PtyServer(loader) as server:
        result = inkgate("flash", folder / "a.img", "--port", server.port)
    assert code(result) == 3
    assert "0x08000f00" in str(result.exception)


def altered(content: bytes) -> bytes:
    return content[:0x500] + bytes((content[0x500] ^ 1,)) + content[0x501:]


@pytest.mark.parametrize(
    ("content", "exit_code", "says"),
    [
        pytest.param(sealed(STM32, signer=None), 4, "unsigned", id="unsigned"),
        pytest.param(sealed(STM32, signer=OTHER_KEY), 4, "not trusted", id="signed by somebody else"),
        pytest.param(altered(sealed(STM32)), 4, "altered", id="altered"),
        pytest.param(sealed(STM32)[:-1], 2, "truncated", id="truncated"),
        pytest.param(sealed(STM32) + b"\0", 2, "oversized", id="oversized"),
        pytest.param(sealed(STM32, version=(0, 9, 0)), 4, "downgrade", id="downgraded"),
        pytest.param(b"", 2, "no image", id="empty"),
        pytest.param(bytes(10_000), 2, "not an inkgate image", id="something else"),
    ],
)
def test_what_must_not_be_flashed_is_refused_by_name(content: bytes, exit_code: int, says: str, folder: Path) -> None:
    (folder / "a.img").write_bytes(content)
    loader = BootLoader()
    loader.flash[:0x1234] = installed = sealed(STM32, version=(1, 0, 0))
    with PtyServer(loader) as server:
        result = inkgate("flash", folder / "a.img", "--port", server.port)
    assert code(result) == exit_code
    assert says in str(result.exception)
    assert loader.flash[:0x1234] == installed
    assert not loader.changes


def test_the_image_of_another_board_is_refused_by_the_boot_loader_that_is_there(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    with PtyServer(BootLoader(product_id=0x411)) as server:
        result = inkgate("flash", folder / "a.img", "--port", server.port)
    assert code(result) == 2
    assert "wrong board" in str(result.exception)


def test_an_image_by_somebody_else_is_taken_with_that_key(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32, signer=OTHER_KEY))
    (folder / "other.pub").write_bytes(OTHER_KEY.public.pem())
    loader = BootLoader()
    with PtyServer(loader) as server:
        facts(inkgate("flash", folder / "a.img", "--port", server.port, "--trust", folder / "other.pub", "--json"))
    assert code(inkgate("info", folder / "a.img")) == 4
    assert code(inkgate("info", folder / "a.img", "--trust", folder / "other.pub")) == 0


def test_a_board_that_exists_in_emulators_only_is_not_flashed(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(BOARDS["mps2-an386"]))
    result = inkgate("flash", folder / "a.img")
    assert code(result) == 2
    assert "emulators" in str(result.exception)


@pytest.mark.parametrize("suffix", ["img", "uf2"])
def test_a_pico_is_flashed_by_copying_and_remembers_the_version(suffix: str, folder: Path) -> None:
    content = sealed(RP2040, version=(2, 0, 0))
    encoded = uf2.encode(content, RP2040.flash.origin, 0xE48BFF56)
    (folder / f"a.{suffix}").write_bytes(content if suffix == "img" else encoded)
    drive = make_drive(folder / "drive")
    rom = BootRom(drive, len(encoded) // 512)
    done = facts(inkgate("flash", folder / f"a.{suffix}", "--drive", drive, "--json"))
    assert rom.data == encoded
    assert (done["method"], done["read_back"], done["confirmed"]) == ("uf2", False, False)

    older = sealed(RP2040, version=(1, 9, 9))
    (folder / "older.img").write_bytes(older)
    other = make_drive(folder / "other drive")
    refused = inkgate("flash", folder / "older.img", "--drive", other)
    assert code(refused) == 4
    assert "downgrade" in str(refused.exception)
    assert not list(other.glob("*.UF2"))
    BootRom(other, len(encoded) // 512)
    assert code(inkgate("flash", folder / "older.img", "--drive", other, "--allow-downgrade")) == 0


def flashed_and_asked(folder: Path, port: str | None, *options: object) -> Result:
    """Flash a.img, which is `sealed(RP2040)`, into a Pico and ask the board on the port what it runs."""
    drive = make_drive(folder / f"drive {len(list(folder.iterdir()))}")
    BootRom(drive, -(-0x1234 // 256))
    return inkgate("flash", folder / "a.img", "--drive", drive, "--port", port, "--json", *options)


RUNS_IT = image.check(sealed(RP2040)).firmware


def test_a_pico_is_asked_on_its_port_whether_it_runs_the_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.img").write_bytes(sealed(RP2040))
    monkeypatch.setattr(virtual_board, "MODEL", "rp2040")
    monkeypatch.setattr(virtual_board, "FIRMWARE", RUNS_IT)
    with VirtualBoard([], memory=Unprovisioned()) as board:
        flashed = flashed_and_asked(folder, board.path)
    assert facts(flashed)["confirmed"] is True
    assert "the board says that it runs it" in flashed.stderr


@pytest.mark.parametrize(
    ("model", "kind", "firmware"),
    [
        pytest.param("nrf51", Kind.PEN, RUNS_IT, id="another model"),
        pytest.param("rp2040", Kind.CAMERA, RUNS_IT, id="another app"),
        pytest.param("rp2040", Kind.PEN, image.check(sealed(RP2040, seed=2)).firmware, id="an older image"),
        pytest.param("rp2040", Kind.PEN, "1.2.3", id="a program without a header"),
    ],
)
def test_a_board_that_does_not_run_what_was_flashed_confirms_nothing(
    model: str, kind: Kind, firmware: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.img").write_bytes(sealed(RP2040))
    monkeypatch.setattr(virtual_board, "MODEL", model)
    monkeypatch.setattr(virtual_board, "FIRMWARE", firmware)
    with VirtualBoard([], memory=Unprovisioned(), kind=kind) as board:
        other = flashed_and_asked(folder, board.path)
    assert code(other) == 3
    assert f"runs {model} {kind.name.lower()} {firmware}, not rp2040 pen {RUNS_IT}" in str(other.exception)
    assert json.loads(other.stdout)["confirmed"] is False


def test_where_no_board_answers_nothing_is_confirmed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_flash, "START_S", 0.0)
    (folder / "a.img").write_bytes(sealed(RP2040))
    silent = flashed_and_asked(folder, "socket://127.0.0.1:9")
    assert code(silent) == 3
    assert json.loads(silent.stdout)["confirmed"] is False


def test_a_board_whose_key_was_erased_confirms_the_image_and_gets_the_command_for_a_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.img").write_bytes(sealed(RP2040))
    monkeypatch.setattr(virtual_board, "MODEL", "rp2040")
    monkeypatch.setattr(virtual_board, "FIRMWARE", RUNS_IT)
    KeyStore().put("pico", bytes(32))
    with VirtualBoard([], memory=Unprovisioned(), board="pico") as board:
        flashed = flashed_and_asked(folder, board.path, "--erase-key")
        assert facts(flashed)["confirmed"] is True
        assert f"`inkgate firmware provision --board rp2040 --port {board.path}`" in flashed.stderr


def test_erasing_the_key_of_a_pico_overwrites_its_store(folder: Path) -> None:
    data = uf2.encode_image(sealed(RP2040), RP2040, erase_key=True)
    blocks = [data[place : place + 512] for place in range(0, len(data), 512)]
    addresses = [int.from_bytes(block[12:16], "little") for block in blocks]
    held = range(RP2040.store.origin, RP2040.store.end, 256)
    assert addresses[-len(held) :] == list(held)
    assert all(block[32:288] == b"\xff" * 256 for block in blocks[-len(held) :])


def test_a_folder_that_is_no_boot_drive_gets_nothing(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(RP2040))
    (folder / "stick").mkdir()
    result = inkgate("flash", folder / "a.img", "--drive", folder / "stick")
    assert code(result) == 3
    assert not list((folder / "stick").iterdir())


@pytest.mark.parametrize(
    ("content", "command"),
    [
        pytest.param(sealed(STM32, signer=None), "inkgate firmware build stm32f405 pen", id="unsigned"),
        pytest.param(sealed(STM32, signer=OTHER_KEY), "--trust", id="untrusted"),
    ],
)
def test_what_is_wrong_with_an_image_names_its_file_and_what_helps(content: bytes, command: str, folder: Path) -> None:
    (folder / "a.img").write_bytes(content)
    with PtyServer(BootLoader()) as server:
        results = inkgate("info", folder / "a.img"), inkgate("flash", folder / "a.img", "--port", server.port)
    for result in results:
        assert code(result) == 4
        assert str(result.exception).startswith(f"{folder / 'a.img'}: ")
        assert command in str(result.exception)


def test_a_downgrade_names_the_file_and_the_way_round(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    loader = BootLoader()
    loader.flash[:0x1234] = sealed(STM32, version=(2, 0, 0))
    with PtyServer(loader) as server:
        result = inkgate("flash", folder / "a.img", "--port", server.port)
        assert str(result.exception).startswith(f"{folder / 'a.img'}: downgrade: version 1.2.3 after 2.0.0")
        assert "--allow-downgrade" in str(result.exception)
        assert facts(inkgate("flash", folder / "a.img", "--port", server.port, "--allow-downgrade", "--json"))


def test_a_flashing_that_was_broken_off_lets_no_older_image_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = folder / "older.img", folder / "newer.img"
    older.write_bytes(sealed(STM32))
    newer.write_bytes(sealed(STM32, version=(2, 0, 0)))
    loader = BootLoader()
    loader.flash[:0x1234] = older.read_bytes()
    with PtyServer(loader) as server:
        loader.stuck[0x0800_0F00] = 0x80
        assert code(inkgate("flash", newer, "--port", server.port)) == 3
        loader.flash[0x200:0x300] = b"\xff" * 0x100  # as it is after a power cut
        refused = inkgate("flash", older, "--port", server.port)
        assert code(refused) == 4
        assert "broken off" in str(refused.exception)
        loader.stuck.clear()
        assert facts(inkgate("flash", newer, "--port", server.port, "--json"))["read_back"] is True
    # That flashing has ended: a board without a header counts as new again.
    with PtyServer(BootLoader()) as server:
        assert facts(inkgate("flash", older, "--port", server.port, "--json"))["before"] is None


def test_without_a_port_the_wiring_of_the_boot_loader_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.link.ports.serial_list_ports.comports", list)
    (folder / "a.img").write_bytes(sealed(STM32))
    result = inkgate("flash", folder / "a.img", "--method", "uart")
    assert code(result) == 3
    assert STM32.boot_hint in str(result.exception)
