"""The text after `--bundle` -> the folder of a bundle: a path, or the bundle that comes with inkgate."""

import os
from pathlib import Path
from typing import Any, Final

import click

from edge.bundle.places import READY, find_bundle


class BundlePath(click.Path):
    """The type of a command's bundle. NotABundleError if the ready bundle is meant and is not there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the folder that a path or the name `ready` means."""
        return find_bundle(os.fspath(value))


bundle_option: Final = click.option(
    "--bundle",
    "bundle_path",
    type=BundlePath(),
    default=READY,
    show_default=True,
    help="What `quantize` made; `ready` is the one that comes with inkgate, and ./ready a folder of that name.",
)
