"""A bundle -> its roster's file, the networks that users are enrolled with, names to complete."""

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

import edge
from edge.bundle import reader as reader_files
from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.manifest import ReaderRecord
from edge.cli.settings import setting
from edge.errors import NotABundleError
from edge.roster import writing
from edge.roster.roster_file import RosterFile, roster_beside
from firmware_bridge.cli.options import FiniteRange
from firmware_bridge.errors import InkgateError
from firmware_bridge.trust.folder import state_folder

roster_option = setting(
    "roster",
    "--roster",
    "roster_path",
    type=click.Path(path_type=Path),
    beside=("bundle", "bundle_path"),
    help="Who may enter; by default BUNDLE.roster.",
)
idle_option = click.option(
    "--idle-timeout",
    type=FiniteRange(min=0, min_open=True),
    help="Give up when nobody has written for so many seconds.",
)


_INSTALLED = Path(edge.__file__).resolve().parent
"""Folder of the package, whose files are the installer's and perhaps of several users."""


@dataclass(frozen=True)
class Networks:
    """The networks of a bundle, verified on this machine: features of fragments, and their symbols."""

    engine: writing.Network
    reader: writing.Reader


def open_networks(bundle: Bundle) -> Networks:
    """Prepare both networks and let them compute their golden vectors.

    NotABundleError if the bundle has no reader, else errors as `Bundle.reader` and `Bundle.engine` raise them.
    """
    _reader_of(bundle)
    return Networks(bundle.engine(), bundle.reader())


def named(bundle: Bundle, roster_path: Path | None) -> str:
    """Return the options by which another command opens the roster: --bundle, --roster if given."""
    places = {"--bundle": bundle.path, "--roster": roster_path}
    return " ".join(f"{option} {shlex.quote(str(path))}" for option, path in places.items() if path is not None)


def open_roster(bundle: Bundle, path: Path | None) -> RosterFile:
    """Return the file of the bundle's roster, at `path` or where it is by default.

    That is beside the bundle; of a bundle that came with inkgate, in the user's folder of records. NotABundleError if
    the bundle has no reader.
    """
    network = networks_sha256(bundle)
    if path is None:
        installed = bundle.path.resolve().is_relative_to(_INSTALLED)
        path = roster_beside(state_folder() / bundle.path.name if installed else bundle.path)
    return RosterFile(path, network)


def networks_sha256(bundle: Bundle) -> bytes:
    """Return the hash of the networks that users are enrolled with, 32 bytes.

    It is the SHA-256 of all that features and readings follow from: both models, the reader's alphabet and temperature.
    A bundle that was made anew around the same networks keeps its users. NotABundleError if it has no reader.
    """
    reader = _reader_of(bundle)
    hashes = [hashlib.sha256(bundle.contents[name]).hexdigest() for name in (MODEL, reader_files.MODEL)]
    told = ["inkgate-networks/1", *hashes, reader.alphabet, float(reader.temperature).hex()]
    return hashlib.sha256(msgspec.json.encode(told)).digest()


def reader_alphabet(bundle: Bundle) -> str:
    """Return the symbols that the bundle's reader reads. NotABundleError without a reader."""
    return _reader_of(bundle).alphabet


def complete_user(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the users' names that begin so.

    There are none unless the line names the bundle already and its roster can be read.
    """
    given: dict[str, Any] = ctx.params
    if given.get("bundle_path") is None:
        return []
    try:
        roster = open_roster(Bundle.open(given["bundle_path"]), given.get("roster_path")).load()
    except (InkgateError, OSError):
        return []
    return [CompletionItem(user.name) for user in roster.users if user.name.startswith(begun)]


def _reader_of(bundle: Bundle) -> ReaderRecord:
    if bundle.manifest.reader is None:
        raise NotABundleError(
            f"{bundle.path}: has no reader, so nobody can be enrolled in it; `inkgate quantize` makes it anew"
        )
    return bundle.manifest.reader
