"""What was given with `--bundle` -> the bundle, opened if somebody answers for it."""

import os
from pathlib import Path
from typing import Any, Final

import click

from edge.bundle.bundle import Bundle
from edge.bundle.places import READY, find_bundle
from edge.bundle.signed import Admitted, admit
from edge.cli.settings import setting
from firmware_bridge.cli.options import plain_console, say
from firmware_bridge.trust.pins import Pins


class BundlePath(click.Path):
    """The type of a command's bundle. NotABundleError if the ready bundle is meant and is not there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the folder that a path or the name `ready` means."""
        return find_bundle(os.fspath(value))


_BUNDLE: Final[dict[str, Any]] = {
    "type": BundlePath(),
    "default": READY,
    "show_default": True,
    "help": "What `quantize` made; `ready` is the one that comes with inkgate, and ./ready a folder of that name.",
}
bundle_option: Final = setting("bundle", "--bundle", "bundle_path", **_BUNDLE)
other_bundle_option: Final = click.option("--bundle", "bundle_path", **_BUNDLE)
"""Of a command that is of no gate, so that no setting reaches it."""
unsigned_option: Final = click.option(
    "--unsigned", is_flag=True, help="Take a bundle that nobody signed, for trials: every decision then says so."
)


def admit_bundle(path: Path, unsigned: bool) -> Admitted:
    """Open a bundle as `edge.bundle.signed.admit`, and say so if its signer is new here.

    Of a bundle that nobody signed it says that, too."""
    admitted = admit(path, Pins(), unsigned=unsigned)
    if admitted.first:
        text = f"{path}: {admitted.told}, the first one here: from now on only bundles of this key are taken"
        say(plain_console(), f"{text} (`inkgate keys list`)")
    if not admitted.signed:
        say(plain_console(), f"{path}: nobody signed this bundle: whoever can write there decides who enters")
    return admitted


def open_bundle(path: Path, unsigned: bool) -> Bundle:
    """Return the bundle that `admit_bundle` opens."""
    return admit_bundle(path, unsigned).bundle
