"""`inkgate keys`: make and show keys that sign, say whose are trusted, list boards."""

import json
from pathlib import Path
from typing import Any

import click

from firmware_bridge.cli.common import path_type
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.trust.errors import BoardUnknownError, SigningKeyError
from firmware_bridge.trust.pins import Pins
from firmware_bridge.trust.signing import (
    BUNDLES,
    SECRET_NAMES,
    TrustedKey,
    create_signing_key,
    load_trusted_key,
    own_key,
    public_of,
)

for_option = click.option(
    "--for", "signs", type=click.Choice(list(SECRET_NAMES)), required=True, help="What the key signs."
)


@click.group()
def keys() -> None:
    """Make and show keys that sign; say whose bundles are taken here; list boards.

    \b
    inkgate keys create --for bundles      # on the machine where bundles are made
    inkgate keys show --for bundles > maker.pub
    inkgate keys trust maker.pub           # on a gate; without it the first signer seen is kept
    inkgate keys boards                    # those that this host gave a key
    """


@keys.command()
@for_option
@json_option
def create(signs: str, as_json: bool) -> None:
    """Make a key that signs your images or bundles.

    It lies in a file that only you can read. Keep a copy of it: gates that trust it take no other.
    """
    path = own_key(signs)
    if path.exists():
        raise SigningKeyError(f"{path}: there is a key that signs {signs}: `inkgate keys show --for {signs}`")
    key = create_signing_key(path)
    if as_json:
        click.echo(json.dumps({"for": signs, "key": key.key_id.hex(), "path": str(path)}))
    say(plain_console(), f"{path}: key {key.key_id.hex()} signs your {signs} from now on")


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List your own keys, and the signers whose bundles are taken here."""
    for row in _rows():
        if as_json:
            click.echo(json.dumps(row))
        else:
            say(plain_console(), f"{row['key'] or 'no key':<16}  {row['told']}")


@keys.command()
@for_option
@json_option
def show(signs: str, as_json: bool) -> None:
    """Print your public key, for those who are to trust what you sign."""
    path = public_of(own_key(signs))
    if not path.exists():
        raise SigningKeyError(f"{path}: there is no key for {signs}: `inkgate keys create --for {signs}` makes one")
    key = load_trusted_key(path)
    if as_json:
        click.echo(json.dumps({"for": signs, "key": key.key_id.hex(), "path": str(path), "pem": key.pem().decode()}))
    else:
        click.echo(key.pem(), nl=False)


@keys.command()
@click.argument("public", metavar="FILE.pub", type=path_type)
@json_option
def trust(public: Path, as_json: bool) -> None:
    """Take bundles that the owner of this public key signed.

    Have the file from him by a way that you trust.
    """
    key, pins = load_trusted_key(public), Pins()
    pins.trust(key, f"trusted from {public.name}")
    if as_json:
        click.echo(json.dumps({"for": BUNDLES, "key": key.key_id.hex(), "path": str(pins.folder)}))
    say(plain_console(), f"bundles signed by key {key.key_id.hex()} are taken here")


@keys.command()
@json_option
def boards(as_json: bool) -> None:
    """List the boards whose keys this host has, and the start at which each was seen last.

    A board that was provisioned and has never spoken is at start 0: it may be waiting for its first greeting, or the
    cable was pulled before it had the key. `inkgate keys forget` removes one.
    """
    for name, known in KeyStore().load().items():
        if as_json:
            click.echo(json.dumps({"board": name, "session": known.session}))
        else:
            say(plain_console(), f"{name}  {f'seen at start {known.session:,}' if known.session else 'never seen'}")


@keys.command()
@click.argument("board")
@json_option
def forget(board: str, as_json: bool) -> None:
    """Remove the key of BOARD from this host.

    Nothing of that board is taken any more until it is provisioned again.
    """
    store = KeyStore()
    if not store.knows(board):
        raise BoardUnknownError(f"{store.folder}: there is no key of a board {board}: `inkgate keys boards` lists them")
    store.remove(board)
    if as_json:
        click.echo(json.dumps({"board": board, "keys": str(store.folder)}))
    say(plain_console(), f"the key of board {board} is gone from {store.folder}")


def _rows() -> list[dict[str, Any]]:
    """Return what is listed: own keys, then signers of bundles."""
    rows: list[dict[str, Any]] = []
    for signs in SECRET_NAMES:
        path = own_key(signs)
        if path.exists():
            key = load_trusted_key(public_of(path)).key_id.hex()
            rows.append({"key": key, "own": True, "for": signs, "told": f"your own, signs {signs}: {path}"})
        else:
            told = f"signs {signs}: `inkgate keys create --for {signs}` makes one"
            rows.append({"key": None, "own": True, "for": signs, "told": told})
    for raw, why in Pins().read().signers.items():
        key = TrustedKey.of_raw(bytes.fromhex(raw)).key_id.hex()
        rows.append({"key": key, "own": False, "for": BUNDLES, "told": f"its bundles are taken here: {why}"})
    return rows
