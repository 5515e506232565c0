"""`inkgate firmware`: build, sign, flash, inspect and provision a board's program."""

import json
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION, Board, find
from firmware_bridge.build import image, settings, uf2
from firmware_bridge.cli.common import (
    about,
    complete_app,
    complete_board,
    complete_setting,
    described,
    path_type,
    trust_option,
    trusted_keys,
)
from firmware_bridge.cli.flash import flash
from firmware_bridge.cli.monitor import monitor
from firmware_bridge.cli.options import complete_port, json_option, plain_console, say
from firmware_bridge.cli.provision import provision
from firmware_bridge.files import writing
from firmware_bridge.flash import install
from firmware_bridge.link.ports import udev_rules
from firmware_bridge.trust import signing
from firmware_bridge.trust.signing import SigningKey
from firmware_bridge.wire.messages import PROTOCOL_HASH

_OUT = Path("build/firmware")
_CONNECT_S = 2.0
"""How long to wait for the board."""

key_option = click.option(
    "--key", "key_path", type=path_type, help="Sign with this Ed25519 key, not your own for images."
)


@click.group()
def firmware() -> None:
    """Build, flash, inspect, watch and provision boards.

    \b
    inkgate firmware build rp2040 pen
    inkgate firmware flash build/firmware/rp2040-pen.uf2 --provision
    inkgate firmware info --port auto
    """


@firmware.command()
@click.argument("board", required=False, shell_complete=complete_board)
@click.argument("app", required=False, shell_complete=complete_app)
@click.option("--all", "everything", is_flag=True, help="Every app of every board.")
@click.option(
    "--set",
    "texts",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=complete_setting,
    help="Not the default; may repeat. A wrong NAME is told which there are.",
)
@click.option("--out", type=path_type, default=_OUT, show_default=True, help="Folder for the images.")
@key_option
@click.option("--unsigned", is_flag=True, help="Do not sign, though there is a key: no board is flashed with it.")
@click.option("--compiler", type=click.Choice(["gcc", "zig"]), help="Not the first that is installed.")
@json_option
def build(
    board: str | None,
    app: str | None,
    everything: bool,
    texts: tuple[str, ...],
    out: Path,
    key_path: Path | None,
    unsigned: bool,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Build APP for BOARD into BOARD-APP.img, for the Pico .uf2 too.

    Without a key nothing is signed: `inkgate keys create --for images` makes one. The same sources, settings and
    compiler give the same SHA-256 everywhere; the same key gives the same file.

    \b
    inkgate firmware build stm32f405 pen --set word_ms=1500 --set rate_hz=200
    inkgate firmware build rp2040 camera --set pixel_bits=8
    """
    from firmware_bridge.build.compile import build as compile_and_link

    console = plain_console()
    if texts and (board is None or app is None):
        raise click.UsageError("--set is for one BOARD and APP: others may not have the setting")
    wanted = settings.parse(texts)
    signer = None if unsigned else _signing_key(key_path)
    for chosen, chosen_app in _choose(board, app, everything):
        with console.status(Text(f"{chosen.name} {chosen_app}")):
            built = compile_and_link(chosen.name, chosen_app, out, toolchain=compiler, settings=wanted)
            program = built.bin.read_bytes()
            version = image.parse_version(FIRMWARE_VERSION)
            content = image.seal(program, chosen, chosen_app, version, PROTOCOL_HASH, signer)
        header = image.check(content)
        path = _write(out / f"{chosen.name}-{chosen_app}.img", content)
        if chosen.uf2_family is not None:
            path = _write(out / f"{chosen.name}-{chosen_app}.uf2", uf2.encode_image(content, chosen))
        tool = f"{built.toolchain.name} {built.toolchain.version}"
        if as_json:
            sizes = {"flash_bytes": header.size, "ram_bytes": built.ram_bytes}
            made = {"compiler": tool, "settings": dict(built.settings)}
            click.echo(json.dumps({"image": str(path), **described(header), **sizes, **made}))
        else:
            sizes_said = f"{header.size:,} bytes of flash, {built.ram_bytes:,} of RAM, {tool}"
            changed = "".join(f", {name}={value}" for name, value in built.settings.items())
            say(console, f"{path}: {sizes_said}{changed}\n  SHA-256 {header.sha256.hex()}")
    if signer is None:
        why = "" if unsigned else ": there is no key; `inkgate keys create --for images` makes one, then build again"
        console.print(f"unsigned{why}: `inkgate firmware flash` refuses these", style="yellow", soft_wrap=True)


@firmware.command()
@click.argument("image_path", metavar="[IMAGE]", required=False, type=path_type)
@click.option(
    "--port", shell_complete=complete_port, help="Ask the board on this serial port, pty, socket://HOST:PORT, or auto."
)
@trust_option
@json_option
def info(image_path: Path | None, port: str | None, trusted_paths: tuple[Path, ...], as_json: bool) -> None:
    """Show what an image is and who signed it, or what the board on a port runs.

    Exit code 4 if no trusted key has signed the image.

    A board that this host cannot talk to, for want of its key (exit code 4) or of its protocol (3), is shown all the
    same. What an unauthenticated board says is not proved: anybody on the line could say it.
    """
    if (image_path is None) == (port is None):
        raise click.UsageError("name either an image or a --port")
    if port is not None:
        from firmware_bridge.link.inquiry import greet

        found, problem = greet(port, connect_patience_s=_CONNECT_S)
        facts: dict[str, Any] = {
            "board": found.board, "model": found.model, "kind": found.kind.name.lower(), "firmware": found.firmware,
            "protocol": found.protocol_hash.hex(), "pixel_bits": found.pixel_bits, "starts": found.session,
            "authenticated": found.authenticated,
        }  # fmt: skip
        _show(facts, as_json)
        if not found.authenticated:
            say(plain_console(), "nothing of this is proved: it is what whoever is on the line says of itself")
        if problem is not None:
            raise problem
        return
    assert image_path is not None
    _, header = install.load(image_path)
    fits = header.protocol_hash == PROTOCOL_HASH
    _show({**described(header), "fits_this_inkgate": fits}, as_json)
    trusted = trusted_keys(trusted_paths)
    with about(image_path):
        image.check_signature(header, trusted)


@firmware.command()
@json_option
def udev(as_json: bool) -> None:
    """Print the udev rules that let whoever sits at the machine use boards and probes.

    inkgate firmware udev | sudo tee /etc/udev/rules.d/60-inkgate.rules
    """
    rules = udev_rules()
    click.echo(json.dumps({"rules": rules}) if as_json else rules, nl=as_json)


firmware.add_command(flash)
firmware.add_command(provision)
firmware.add_command(monitor)


def _choose(board: str | None, app: str | None, everything: bool) -> list[tuple[Board, str]]:
    if everything == (board is not None):
        boards = "\n".join(f"  {b.name:12} {', '.join(b.apps):12} {b.title}" for b in BOARDS.values())
        raise click.UsageError(f"name a BOARD and an APP, or --all:\n{boards}")
    if everything:
        return [(each, its_app) for each in BOARDS.values() for its_app in each.apps]
    assert board is not None
    chosen = find(board)
    return [(chosen, each) for each in ([app] if app else chosen.apps)]


def _signing_key(path: Path | None) -> SigningKey | None:
    """Return the key in `path`, by default the user's own, None if there is none."""
    return signing.find_own_key(signing.IMAGES) if path is None else signing.load_signing_key(path)


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        say(plain_console(), f"{name.replace('_', ' '):{width}}  {_spoken(value)}")


def _write(path: Path, content: bytes) -> Path:
    with writing(path, "choose another --out"):
        path.write_bytes(content)
    return path


def _spoken(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nobody" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
