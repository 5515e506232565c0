"""`inkgate firmware provision`: a new key -> a board's flash, by its cable, and the key store."""

import json
import shlex
from pathlib import Path

import click

from firmware_bridge.boards import BOARDS, find
from firmware_bridge.cli import flash as by_cable
from firmware_bridge.cli.common import complete_board, path_type
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.errors import BridgeError
from firmware_bridge.flash import provisioning, uf2_drive
from firmware_bridge.flash.choose import choose_method
from firmware_bridge.flash.errors import KeyOnLineError, ReadBackError
from firmware_bridge.link.ports import find_board
from firmware_bridge.trust.board_keys import KeyStore


@click.command()
@click.option("--board", "model", metavar="MODEL", shell_complete=complete_board, help="The board's model: rp2040, ...")
@click.option("--method", type=click.Choice(["uf2", "uart", "swd"]), help="Not the first that finds a board.")
@click.option("--port", help="uart: the serial port. Others: ask the board there afterwards if it proves the key.")
@click.option("--drive", type=path_type, help="uf2: the boot drive, if it is not found by itself.")
@click.option("--probe", help="swd: (part of) the debug probe's id, if there is more than one.")
@click.option("--again", is_flag=True, help="Though the board has a key, of this host or another: give it a new one.")
@json_option
def provision(
    model: str | None,
    method: str | None,
    port: str | None,
    drive: Path | None,
    probe: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """Give a board the key that it shares with this host, over the cable by which it is flashed.

    From then on only this host can take its writing. The key goes into the board's flash and this user's key store.
    Connect the board as for `inkgate firmware flash`; its program stays as it is. Whoever is on that cable hears the
    key: by uart it is the very line on which the board delivers later, so let nobody else be on it, or take swd.

    A boot drive (uf2) says neither which board it is nor whether it has a key: by it the board gets a new name with the
    new key. By uart and swd it keeps its name, and a board that has a key is refused unless --again.

    In --json, `authenticated` says whether the board has proved the key on a port, `problem` why not.

    \b
    inkgate firmware provision --board rp2040 --port auto     # with BOOTSEL held while it is plugged in
    inkgate firmware provision --board nrf51
    """
    if model is None:
        raise _refusal(port)
    console, board, keys = plain_console(), find(model), KeyStore()
    chosen = choose_method(board, method, port if "uart" in board.methods else None, drive, probe)
    with by_cable.progress_bars(console) as progress:
        if chosen == "uf2":
            folder = uf2_drive.find_drive(board, [drive] if drive else uf2_drive.mounted_folders())
            where, name = str(folder), provisioning.provision_by_drive(board, folder, keys, progress)
        else:
            with by_cable.open_programmer(chosen, board, port, probe) as programmer:
                where = programmer.where
                name = provisioning.provision(programmer, keys, again=again, progress=progress)
    told, problem = _ask(name, (where if chosen == "uart" else port) or _found_port(), keys)
    if as_json:
        facts = {"board": name, "method": chosen, "where": where, "read_back": chosen != "uf2", "authenticated": told}
        reason = None if problem is None else str(problem)
        click.echo(json.dumps({**facts, "problem": reason, "keys": str(keys.folder)}))
    say(console, f"{where}: board {name} has a new key, which this host keeps in {keys.folder}")
    if problem is not None and port is not None and chosen != "uart":
        raise problem
    if told:
        console.print("the board has proved it", style="green")
    else:
        say(console, f"{problem or 'no port is known'}: `inkgate firmware info --port PORT` has the board prove it")


def _ask(name: str, port: str | None, keys: KeyStore) -> tuple[bool, BridgeError | None]:
    """Ask the board on the port whether it has that name and proves its key: (it does, why not)."""
    from firmware_bridge.link.inquiry import greet

    if port is None:
        return False, None
    try:
        found, problem = greet(port, keys=keys, connect_patience_s=by_cable.START_S)
    except BridgeError as error:
        return False, error
    if found.board != name:
        return False, ReadBackError(f"{port}: the board there is {found.board}, not {name}, which got the key")
    return problem is None and found.authenticated, problem


def _found_port() -> str | None:
    """Return the port on which `auto` finds a board, None if it finds none or several."""
    try:
        return find_board()
    except BridgeError:
        return None


def _refusal(port: str | None) -> KeyOnLineError | click.UsageError:
    """Return the error for a command without a model: the way by the line, or no way at all."""
    models = ", ".join(board.name for board in BOARDS.values() if board.methods)
    if port is None:
        return click.UsageError(f"name the board's model with --board: {models}")
    return KeyOnLineError(
        f"{port}: a key no longer crosses the line: connect the board as for flashing, then `inkgate firmware "
        f"provision --board MODEL --port {shlex.quote(port)}`, MODEL being one of {models}"
    )
