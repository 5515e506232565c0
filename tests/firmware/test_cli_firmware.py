"""`inkgate firmware` as people call it: what it does, what it refuses, and with which exit code."""

import json
import re
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from an3155 import BootLoader, PtyServer
from click.testing import CliRunner, Result
from images import KEY, OTHER_KEY, sealed
from test_uf2 import BootRom, make_drive

from firmware_bridge import (
    build,
    cli_firmware,
    cli_flash,
    cli_monitor,
    flash_uf2,
    image,
    session_host,
    signing,
    uf2,
    virtual_board,
    wire,
)
from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.cli_firmware import firmware
from firmware_bridge.errors import BridgeError, PortMissingError
from firmware_bridge.keys import KeyStore
from firmware_bridge.memory import Unprovisioned
from firmware_bridge.ports import KNOWN_BOARDS
from firmware_bridge.virtual_board import VirtualBoard
from firmware_bridge.wire import PROTOCOL_HASH, Kind

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]
needs_gcc = pytest.mark.skipif(shutil.which(build.GCC) is None, reason="needs gcc-arm-none-eabi")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose signing key is that of `sealed`."""
    own = tmp_path / "signing"
    own.mkdir()
    (own / "firmware.pub").write_bytes(KEY.public.pem())
    monkeypatch.setenv(signing.FOLDER_VARIABLE, str(own))
    # How long is waited for a board is not what is tested here.
    monkeypatch.setattr(session_host, "HELLO_TIMEOUT_S", 0.5)
    monkeypatch.setattr(cli_firmware, "_CONNECT_S", 0.0)
    monkeypatch.setattr(cli_monitor, "_CONNECT_S", 0.0)
    return tmp_path


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(firmware, [str(argument) for argument in arguments])


def code(result: Result) -> int:
    """The exit code that inkgate.main makes of it."""
    if isinstance(result.exception, BridgeError):
        return result.exception.exit_code
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


def facts(result: Result) -> dict[str, object]:
    assert code(result) == 0, result.exception or result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@needs_gcc
@pytest.mark.parametrize(("board", "app"), [("stm32f405", "pen"), ("rp2040", "camera")])
def test_what_is_built_is_signed_and_taken(board: str, app: str, folder: Path) -> None:
    (folder / "signing" / "firmware.pub").unlink()
    built = facts(inkgate("build", board, app, "--out", folder / "out", "--json"))
    told = facts(inkgate("info", built["image"], "--json"))
    assert (told["board"], told["app"], told["version"]) == (board, app, FIRMWARE_VERSION)
    assert (told["protocol"], told["fits_this_inkgate"]) == (PROTOCOL_HASH.hex(), True)
    assert told["sha256"] == built["sha256"]


@needs_gcc
def test_building_twice_and_elsewhere_gives_one_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = facts(inkgate("build", "rp2040", "pen", "--out", folder / "a", "--json"))
    shutil.copytree(build.SOURCES, folder / "another place" / "firmware")
    monkeypatch.setattr(build, "SOURCES", folder / "another place" / "firmware")
    again = facts(inkgate("build", "rp2040", "pen", "--out", folder / "b", "--json"))
    assert first["sha256"] == again["sha256"]
    assert (folder / "a/rp2040-pen.uf2").read_bytes() == (folder / "b/rp2040-pen.uf2").read_bytes()


@needs_gcc
def test_a_key_is_made_once_and_kept(folder: Path) -> None:
    (folder / "signing" / "firmware.pub").unlink()
    first = inkgate("build", "nrf51", "pen", "--out", folder, "--json")
    again = inkgate("build", "nrf51", "pen", "--out", folder, "--json")
    assert "made a signing key" in first.stderr
    assert "made a signing key" not in again.stderr
    assert facts(first)["signed_by"] == facts(again)["signed_by"] is not None
    assert (folder / "signing" / "firmware.key").stat().st_mode & 0o777 == 0o600


def test_where_no_compiler_is_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "toolchains", list)
    result = inkgate("build", "rp2040", "pen", "--unsigned", "--out", folder)
    assert code(result) == 2
    assert "apt-get install --no-install-recommends gcc-arm-none-eabi" in str(result.exception)
    assert "pip install ziglang" in str(result.exception)


def test_without_cryptography_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)
    result = inkgate("build", "rp2040", "pen", "--out", folder)
    assert code(result) == 2
    assert "inkgate[firmware]" in str(result.exception)


@pytest.mark.parametrize("arguments", [(), ("rp2040", "pen", "--all"), ("rp2040", "camera obscura"), ("rp2041", "pen")])
def test_a_board_or_app_that_is_not_there_is_a_usage_error(arguments: tuple[str, ...], folder: Path) -> None:
    assert code(inkgate("build", *arguments, "--unsigned", "--out", folder)) == 2


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
    assert "emulators" in result.stderr


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
    """`sealed(RP2040)`, which is in a.img, goes into a Pico; then the board on the port is asked what it runs."""
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
    monkeypatch.setattr(cli_flash, "_START_S", 0.0)
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
        assert f"`inkgate firmware provision --port {board.path} --again`" in flashed.stderr


@pytest.mark.parametrize(("ports", "probes", "expected"), [(1, 1, "uart"), (0, 1, "swd"), (0, 0, "uart")])
def test_the_way_is_the_first_that_finds_a_board(
    ports: int, probes: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_board() -> str:
        if not ports:
            raise PortMissingError("auto: no board")
        return "/dev/ttyUSB0"

    monkeypatch.setattr(cli_flash, "find_board", find_board)
    monkeypatch.setattr("firmware_bridge.flash_swd.probe_is_there", lambda: bool(probes))
    assert cli_flash.choose_method(STM32, None, None, None, None) == expected
    assert cli_flash.choose_method(STM32, None, "/dev/x", None, None) == "uart"
    assert cli_flash.choose_method(STM32, "swd", "/dev/x", None, None) == "swd"
    assert cli_flash.choose_method(RP2040, None, None, None, "0123") == "swd"
    assert cli_flash.choose_method(RP2040, None, "/dev/x", Path("d"), None) == "uf2"


def test_erasing_the_key_of_a_pico_overwrites_its_store(folder: Path) -> None:
    data = flash_uf2.encode(sealed(RP2040), RP2040, erase_key=True)
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


def test_a_board_is_given_a_key_once_and_proves_it_from_then_on(folder: Path) -> None:
    with VirtualBoard([], board="pen-7", memory=Unprovisioned()) as board:
        assert facts(inkgate("info", "--port", board.path, "--json"))["authenticated"] is False
        given = facts(inkgate("provision", "--port", board.path, "--json"))
        assert (given["board"], given["authenticated"]) == ("pen-7", True)
        assert facts(inkgate("info", "--port", board.path, "--json"))["authenticated"] is True
        assert code(inkgate("provision", "--port", board.path)) == 2
    files_of_keys = [path for path in KeyStore().folder.iterdir() if path.suffix == ".key"]
    assert [path.stat().st_mode & 0o777 for path in files_of_keys] == [0o600]
    with VirtualBoard([], board="pen-7", memory=Unprovisioned()) as erased:
        assert code(inkgate("provision", "--port", erased.path)) == 4
        assert facts(inkgate("provision", "--port", erased.path, "--again", "--json"))["authenticated"] is True


def test_monitor_shows_every_symbol_of_a_word(folder: Path) -> None:
    word = np.zeros((2, 33, 33), np.uint8)
    word[0, 5:9, 7] = 255
    with VirtualBoard([word], memory=Unprovisioned(), baud_rate=None) as board:
        shown = inkgate("monitor", "--port", board.path, "--words", 1, "--json")
        assert code(shown) == 0, shown.exception
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "Statistics"]
    assert kinds == ["Connected", "WordStarted", "Fragment", "Fragment", "WordEnded"]
    assert events[0]["authenticated"] is False
    drawn = next(event["pixels"] for event in events if event["event"] == "Fragment")
    assert [bytes.fromhex(row) for row in drawn] == [bytes(row) for row in word[0]]


def test_monitor_draws_for_people(folder: Path) -> None:
    word = np.zeros((1, 33, 33), np.uint8)
    word[0, 0:2, 3], word[0, 32, 32] = 255, 255
    with VirtualBoard([word], memory=Unprovisioned(), baud_rate=None) as board:
        shown = inkgate("monitor", "--port", board.path, "--words", 1)
    lines = shown.stderr.splitlines()
    assert any("anybody on the line could say this" in line for line in lines)
    first = next(number for number, line in enumerate(lines) if "symbol 0" in line) + 1
    assert lines[first] == " " * 3 + "\u2588" + " " * 29
    assert lines[first + 16] == " " * 32 + "\u2580"


def test_nobody_on_the_line_is_exit_code_3(folder: Path) -> None:
    for command in ("info", "provision", "monitor"):
        assert code(inkgate(command, "--port", "socket://127.0.0.1:9")) == 3


def test_the_udev_rules_name_every_usb_device_that_is_known() -> None:
    rules = inkgate("udev").stdout
    assert rules == files("firmware_bridge").joinpath("60-inkgate.rules").read_text()
    found = re.findall(r'ATTRS\{idVendor\}=="([0-9a-f]{4})", ATTRS\{idProduct\}=="([0-9a-f]{4})"', rules)
    named = {(int(vendor, 16), int(product, 16)) for vendor, product in found}
    assert set(KNOWN_BOARDS) <= named
    assert (0x2E8A, 0x0003) in named


def test_an_image_and_a_port_are_not_asked_at_once(folder: Path) -> None:
    assert code(inkgate("info")) == 2
    assert code(inkgate("info", folder / "a.img", "--port", "x")) == 2


def command_in(result: Result) -> list[str]:
    """The first command of `inkgate firmware` that an error's message names, as a shell takes it apart."""
    named = re.search(r"`inkgate firmware ([^`]+)`", str(result.exception))
    assert named is not None, result.exception
    return shlex.split(named[1])


def test_the_command_that_a_refused_board_gets_can_be_given_as_it_stands(folder: Path) -> None:
    KeyStore().put("pen-7", bytes(32))
    with VirtualBoard([], board="pen-7", memory=Unprovisioned(), link=folder / "a pen") as erased:
        for refused in (inkgate("provision", "--port", erased.path), inkgate("info", "--port", erased.path)):
            assert code(refused) == 4
        assert facts(inkgate(*command_in(refused), "--json"))["authenticated"] is True


@pytest.mark.parametrize(
    ("model", "kind", "command"),
    [
        ("rp2040", Kind.CAMERA, "inkgate firmware flash build/firmware/rp2040-camera.img --erase-key --port {port}"),
        ("nrf51", Kind.PEN, "inkgate firmware flash build/firmware/nrf51-pen.img --erase-key"),
        ("mps2-an386", Kind.PEN, "inkgate firmware provision --port {port}"),
    ],
)
def test_what_a_board_of_another_host_says_of_itself_is_shown(
    model: str, kind: Kind, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_board, "MODEL", model)
    with VirtualBoard([], kind=kind, board="theirs", memory=Unprovisioned(bytes(32))) as board:
        shown = inkgate("info", "--port", board.path, "--json")
        assert f"`{command.format(port=board.path)}`" in str(shown.exception)
    assert code(shown) == 4
    said = json.loads(shown.stdout)
    assert (said["board"], said["model"], said["kind"]) == ("theirs", model, kind.name.lower())
    assert (said["firmware"], said["authenticated"]) == (virtual_board.FIRMWARE, False)
    assert "nothing of this is proved" in shown.stderr


def test_what_a_board_of_another_protocol_says_of_itself_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_board, "MODEL", "stm32f405")
    with VirtualBoard([], board="old", memory=Unprovisioned()) as board:
        monkeypatch.setattr(wire, "PROTOCOL_HASH", bytes(range(8)))
        shown = inkgate("info", "--port", board.path, "--json")
        monkeypatch.undo()
    assert code(shown) == 3
    said = json.loads(shown.stdout)
    assert (said["board"], said["protocol"], said["authenticated"]) == ("old", PROTOCOL_HASH.hex(), False)
    assert "`inkgate firmware build stm32f405 pen`" in str(shown.exception)


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
    # With that it has ended: a board without a header is a new board again.
    with PtyServer(BootLoader()) as server:
        assert facts(inkgate("flash", older, "--port", server.port, "--json"))["before"] is None


def test_a_missing_key_names_the_command_that_helps(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    untrusted = inkgate("info", folder / "a.img", "--trust", folder / "nope.pub")
    assert code(untrusted) == 2
    assert "firmware.pub" in str(untrusted.exception)
    unsigned = inkgate("build", "rp2040", "pen", "--key", folder / "nope.key", "--out", folder)
    assert code(unsigned) == 2
    assert f"openssl genpkey -algorithm ed25519 -out {folder / 'nope.key'}" in str(unsigned.exception)


def test_without_a_port_the_wiring_of_the_boot_loader_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.ports.serial_list_ports.comports", list)
    (folder / "a.img").write_bytes(sealed(STM32))
    result = inkgate("flash", folder / "a.img", "--method", "uart")
    assert code(result) == 3
    assert STM32.boot_hint in str(result.exception)
