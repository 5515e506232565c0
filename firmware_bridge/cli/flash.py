"""`inkgate firmware flash`: put an image into a board by UF2 drive, UART or SWD."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from firmware_bridge.boards import Board, find
from firmware_bridge.build import board_store, image, uf2
from firmware_bridge.build.board_store import Kept
from firmware_bridge.build.image import Header, Version
from firmware_bridge.cli.common import about, described, path_type, trust_option, trusted_keys
from firmware_bridge.cli.options import complete_port, json_option, plain_console, say
from firmware_bridge.errors import BridgeError
from firmware_bridge.flash import install, provisioning, uf2_drive
from firmware_bridge.flash.choose import choose_method
from firmware_bridge.flash.errors import BoardNotFoundError, ReadBackError
from firmware_bridge.flash.history import open_history
from firmware_bridge.flash.install import Flashed, Programmer
from firmware_bridge.link.errors import PortMissingError
from firmware_bridge.link.ports import AUTO, find_board
from firmware_bridge.session.errors import AuthenticationError
from firmware_bridge.session.events import BoardInfo
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire.messages import PROTOCOL_HASH

START_S = 10.0
"""How long a board may take to start after it was flashed."""


@click.command()
@click.argument("image_path", metavar="IMAGE", type=path_type)
@click.option("--method", type=click.Choice(["uf2", "uart", "swd"]), help="Not the first that finds a board.")
@click.option(
    "--port",
    shell_complete=complete_port,
    help="uart: the serial port. uf2: ask the board there afterwards if it runs IMAGE.",
)
@click.option("--drive", type=path_type, help="uf2: the boot drive, if it is not found by itself.")
@click.option("--probe", help="swd: (part of) the debug probe's id, if there is more than one.")
@trust_option
@click.option("--allow-downgrade", is_flag=True, help="Take an image that is older than what the board has had.")
@click.option("--erase-key", is_flag=True, help="Erase the board's key and counters too.")
@click.option("--provision", is_flag=True, help="Give the board a new key too; with --erase-key even if it has one.")
@json_option
def flash(
    image_path: Path,
    method: str | None,
    port: str | None,
    drive: Path | None,
    probe: str | None,
    trusted_paths: tuple[Path, ...],
    allow_downgrade: bool,
    erase_key: bool,
    provision: bool,
    as_json: bool,
) -> None:
    """Put IMAGE (.img or .uf2) into its board, and read it back.

    Refuses an image that is unsigned, signed by an unknown key, altered, truncated, oversized, older, or for another
    board. The board keeps its key. After an interruption, give the command again: it goes on where it stopped.

    By uart and swd, an image is older if its version is below the one that the board holds or, if the board holds none,
    below the one whose flashing from here was interrupted. A boot drive (uf2) says neither what is on the board nor
    which board it is: there an image is older if its version is below the newest that was flashed from here to any
    board of the model. If this board never had that one, --allow-downgrade takes the image.

    With --provision the board gets its key on the same way: see `inkgate firmware provision --help`.

    In --json, `confirmed` says whether the board holds the image: read back, or by its own word on --port.
    """
    console = plain_console()
    content, header = install.load(image_path)
    board = find(header.board)
    chosen = choose_method(board, method, port, drive, probe)
    trusted = trusted_keys(trusted_paths)
    with about(image_path):
        image.check_signature(header, trusted)
    if header.protocol_hash != PROTOCOL_HASH:
        console.print(
            f"this image speaks protocol {header.protocol_hash.hex()}, this inkgate {PROTOCOL_HASH.hex()}: they will "
            "not talk to each other: `inkgate firmware build` makes one that fits",
            style="yellow",
            soft_wrap=True,
        )
    versions, keys = open_history(), KeyStore()
    name: str | None = None
    with progress_bars(console) as progress, about(image_path):
        if chosen == "uf2":
            newest = None if allow_downgrade else versions.newest(board)
            folder = _find_drive(header, drive, newest)
            kept = provisioning.draw(board, keys) if provision else None
            name = provisioning.remember(board, kept, keys) if kept else None
            store = board_store.encode(kept, board.store.size) if kept else b""
            uf2_drive.copy(uf2.encode_image(content, board, erase_key=erase_key, store=store), folder, progress)
            versions.note(header)
            where, done = str(folder), Flashed(header, None, len(content))
        else:
            with open_programmer(chosen, board, port, probe) as programmer:
                where = programmer.where
                giving = _Giving(programmer, keys, provision, erase_key, progress)

                def begin() -> None:
                    giving.plan()
                    versions.begin(header)

                done = install.flash(
                    content, header, programmer, trusted,
                    allow_downgrade=allow_downgrade, erase_key=erase_key, progress=progress,
                    unfinished=versions.unfinished(board), begin=begin, finish=giving.give,
                )  # fmt: skip
                name = giving.name
            versions.end(board)
    read_back = chosen != "uf2"
    told, problem = (None, None) if read_back or port is None else _ask(header, port, console)
    if as_json:
        before = done.before and described(done.before)
        report = {"method": chosen, "where": where, "written_bytes": done.written, "read_back": read_back}
        report |= {"confirmed": read_back or bool(told), "before": before, "provisioned": name}
        click.echo(json.dumps({**described(header), **report}))
    say(console, f"{where}: {board.name} {header.app} {header.firmware}, {header.size:,} bytes")
    if problem is not None:
        raise problem
    console.print(_proof(read_back, port, told), style="green" if read_back or told else "", soft_wrap=True)
    if name is not None:
        say(console, f"board {name} has a new key, which this host keeps in {keys.folder}")


class _Giving:
    """A key for the board at the programmer, in two steps of install.flash; then `name` is the board's."""

    def __init__(
        self, programmer: Programmer, keys: KeyStore, wanted: bool, again: bool, progress: install.Progress
    ) -> None:
        self.name: str | None = None
        self._programmer, self._keys, self._wanted, self._again = programmer, keys, wanted, again
        self._progress = progress
        self._kept: Kept | None = None

    def plan(self) -> None:
        """Refuse a board that has a key, before anything is written."""
        if self._wanted:
            self._kept = provisioning.plan(self._programmer, self._keys, again=self._again, progress=self._progress)

    def give(self) -> None:
        """Give the key, after the image is there."""
        if self._kept is not None:
            self.name = provisioning.give(self._programmer, self._kept, self._keys, self._progress)


def _find_drive(header: Header, drive: Path | None, newest: Version | None) -> Path:
    """Return the boot drive for the image. OlderImageError if the image is older than `newest`."""
    board = find(header.board)
    source = (
        f"which was flashed from here to a board of model {board.name}, if not to this one, which its boot drive does "
        "not say"
    )
    install.check_version(header, newest, source)
    return uf2_drive.find_drive(board, [drive] if drive else uf2_drive.mounted_folders())


def _ask(header: Header, port: str, console: Console) -> tuple[BoardInfo | None, BridgeError | None]:
    """Ask the board on the port whether it runs the image: (its answer, None), or (None, why not)."""
    from firmware_bridge.link.inquiry import greet

    try:
        found, problem = greet(port, connect_patience_s=START_S)
    except BridgeError as error:
        return None, error
    runs = found.model, found.kind.name.lower(), found.firmware, found.protocol_hash
    if runs != (header.board, header.app, header.firmware, header.protocol_hash):
        return None, ReadBackError(
            f"{port}: the board there runs {' '.join(runs[:3])}, not {header.board} {header.app} {header.firmware}: "
            "if it is the board that was flashed, flash it again; if not, name its port"
        )
    if isinstance(problem, AuthenticationError):
        console.print(str(problem), style="yellow", highlight=False, soft_wrap=True)
    return found, None


def _proof(read_back: bool, port: str | None, told: BoardInfo | None) -> str:
    """Say how it is known that the board holds the image."""
    if read_back:
        return "read back: the flash holds the image"
    if told is None:
        return "the boot ROM took every block and started it; its drive cannot be read back: --port asks the board"
    return f"{port}: the board {'runs it' if told.authenticated else 'says that it runs it'}"


@contextmanager
def open_programmer(method: str, board: Board, port: str | None, probe: str | None) -> Iterator[Programmer]:
    """Open the programmer of method uart or swd, and close it."""
    if method == "uart":
        from firmware_bridge.flash.uart import UartProgrammer

        with UartProgrammer(board, _boot_port(board) if port in (None, AUTO) else port) as by_uart:
            yield by_uart
    else:
        from firmware_bridge.flash.swd import SwdProgrammer

        with SwdProgrammer(board, probe) as by_swd:
            yield by_swd


def _boot_port(board: Board) -> str:
    """Return the port on which `auto` finds the board's boot loader; BoardNotFoundError if it finds none."""
    try:
        return find_board()
    except PortMissingError as error:
        raise BoardNotFoundError(f"no boot loader of {board.name}: {board.boot_hint}: {error}") from error


@contextmanager
def progress_bars(console: Console) -> Iterator[install.Progress]:
    """Draw a bar for each activity; yield the callback that advances it."""
    columns = (TextColumn("{task.description:8}", markup=False), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
