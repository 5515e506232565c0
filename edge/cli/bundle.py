"""`inkgate bundle`: answer for a bundle that was made before."""

from pathlib import Path

import click

from edge.bundle.signed import sign_bundle
from edge.cli.output import emit
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.trust.errors import SigningKeyError
from firmware_bridge.trust.signing import BUNDLES, find_own_key, load_signing_key, own_key


@click.group()
def bundle() -> None:
    """Sign bundles."""


@bundle.command()
@click.argument("path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--key", "key_path", type=click.Path(path_type=Path), help="This Ed25519 key, not your own for bundles.")
@click.option(
    "--raise", "newest", is_flag=True, help="Raise its security counter above those of all bundles made before."
)
@json_option
def sign(path: Path, key_path: Path | None, newest: bool, as_json: bool) -> None:
    """Sign BUNDLE: you answer for every byte of it. Gates that trust your key take it from then on.

    A gate takes no bundle that is older than one that it used in the same place. With --raise it takes this one again;
    the bundle's hash changes, so `inkgate verify` it again.
    """
    key = load_signing_key(key_path) if key_path is not None else find_own_key(BUNDLES)
    if key is None:
        raise SigningKeyError(
            f"{own_key(BUNDLES)}: there is no key that signs bundles: `inkgate keys create --for bundles` makes one"
        )
    signed = sign_bundle(path, key, newest=newest)
    if as_json:
        told = {"sha256": signed.sha256, "counter": signed.manifest.counter, "signed_by": key.key_id.hex()}
        emit({"bundle": str(path), **told})
    say(plain_console(), f"{path}: bundle {signed.sha256[:12]} signed by key {key.key_id.hex()}")
