"""`inkgate users`: enrol somebody without training; list, show, rename and remove who may enter."""

import stat
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edge.bundle.bundle import EVIDENCE, Bundle
from edge.cli.bundle_path import bundle_option, open_bundle, unsigned_option
from edge.cli.output import counted, emit
from edge.cli.people.enrolling import Desk, Teller, enrol_from_file, find_output, follow
from edge.cli.people.roster import (
    Networks,
    complete_user,
    idle_option,
    open_networks,
    open_roster,
    reader_alphabet,
    roster_option,
)
from edge.cli.settings import setting
from edge.decision.enrolment import Enrolment
from edge.errors import PinError, PinExposedError
from edge.gate.loop import utc_now
from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet
from edge.roster import enrolling as limits
from edge.roster.enrolling import Enrolling, Plan, Stage
from edge.roster.keys import FileKeys
from edge.roster.pin import check_pin
from edge.roster.roster_file import forget_rosters_gone
from edge.roster.versions import Versions
from edge.roster.words import writer_of
from firmware_bridge.cli.options import (
    CONNECT_S,
    PORT_HELP,
    complete_port,
    json_option,
    plain_console,
    say,
    unauthenticated_option,
)
from firmware_bridge.link.link import open_link

_PATH = click.Path(path_type=Path)
_NAME = click.argument("name", shell_complete=complete_user)


_LONGEST_PIN_FILE = 4096
"""Bytes. A PIN is far shorter; what is longer is another file."""


@click.group()
def users() -> None:
    """Enrol users in the roster beside a bundle; list, show, rename and remove them."""


@users.command()
@click.argument("name")
@bundle_option
@unsigned_option
@click.option("--from", "source", type=_PATH, help="Enrol from fragments in this .npz file.")
@setting("port", outweighed_by=("source",), shell_complete=complete_port, help=f"Enrol at a board. {PORT_HELP}")
@click.option("--writer", help="Who it is in the file, if not NAME.")
@click.option("--pin", "asks_pin", is_flag=True, help="Ask for a PIN, which is what is written.")
@click.option(
    "--pin-file", type=click.Path(path_type=Path, allow_dash=True), help="Read the PIN from this file, - for stdin."
)
@click.option(
    "--writings",
    type=click.IntRange(min=limits.LEAST_WRITINGS),
    help=f"How many writings; by default {limits.WRITINGS} at a board, all of a file.",
)
@click.option(
    "--min",
    "min_symbols",
    type=click.IntRange(min=1),
    default=limits.MIN_SYMBOLS,
    show_default=True,
    help="Symbols of a writing, at least.",
)
@idle_option
@roster_option
@unauthenticated_option
@json_option
def add(
    name: str,
    bundle_path: Path,
    unsigned: bool,
    source: Path | None,
    port: str | None,
    writer: str | None,
    asks_pin: bool,
    pin_file: Path | None,
    writings: int | None,
    min_symbols: int,
    idle_timeout: float | None,
    roster_path: Path | None,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Enrol a user by what he writes, at a board or in a file, without training.

    With a PIN, each writing is the PIN, and nothing else will open. Without one, anything will do: write words of
    different symbols. A writing that is empty, too short, or unlike the others is to be written again, and nothing is
    stored before the last one was taken.

    The PIN is asked for, or read from a file; it is no argument, because other users of this machine could see it.
    """
    if (source is None) == (port is None):
        raise click.UsageError("give either --from, a file of fragments, or --port, a board to write at")
    if asks_pin and pin_file is not None:
        raise click.UsageError("give either --pin, to be asked for it, or --pin-file")
    teller = Teller(plain_console(), as_json)
    bundle = open_bundle(bundle_path, unsigned)
    file = open_roster(bundle, roster_path)
    file.load().require_new(name)
    file.require_writable()
    networks = open_networks(bundle)
    pin = _read_pin(asks_pin, pin_file, networks.reader.alphabet, max(min_symbols, limits.MIN_SYMBOLS))
    plan = Plan(
        networks.reader.alphabet,
        pin,
        writings or limits.WRITINGS,
        least_writings=limits.LEAST_WRITINGS if port is not None or pin is not None else 1,
        min_symbols=min_symbols,
        min_fragments=limits.MIN_FRAGMENTS if pin is None else limits.MIN_FRAGMENTS_PIN,
    )
    bits = bundle.manifest.pixel_bits
    begun_s = time.perf_counter()
    if source is not None:
        fragments = FragmentSet.load(source).to_bits(bits)
        who = writer_of(fragments, writer or name)
        kind, enrolling = enrol_from_file(plan, fragments, who, writings, networks, teller)
        written = {"kind": kind, **enrolling.arrays()}
    else:
        assert port is not None
        with open_link(
            port,
            pixel_bits=bits,
            allow_unauthenticated=allow_unauthenticated,
            idle_timeout_s=idle_timeout,
            connect_patience_s=CONNECT_S,
        ) as link:
            what = f"words of at least {min_symbols} symbols" if pin is None else "your PIN"
            teller.say(f"{name}: write {what}, {plan.writings} times")
            desk = Desk(link.events(), networks, teller)
            enrolling = follow(Enrolling(plan), desk.writings(), teller)
            written = desk.material(enrolling)
    user = _with_output(bundle, Enrolment(name=name, pin=pin, created=utc_now(), **written), enrolling.pixels, networks)
    roster = file.change(lambda roster: roster.add(user))
    if as_json:
        about = {"roster": str(file.path), "users": len(roster.users)}
        emit(
            {
                "event": Stage.COMPLETED.value,
                **_record(user),
                **about,
                "seconds": round(time.perf_counter() - begun_s, 3),
            }
        )
    if user.output is None and name in bundle.manifest.users:
        teller.say(f"{name}: the network's output of that name does not know this hand, so its logits are not asked")
    teller.say(f"{name} is enrolled: {_told(user)}; {counted(len(roster.users), 'user')} in {file.path}")


@users.command("list")
@bundle_option
@unsigned_option
@roster_option
@json_option
def list_users(bundle_path: Path, unsigned: bool, roster_path: Path | None, as_json: bool) -> None:
    """List who may enter; no PIN is shown."""
    console = plain_console()
    file = open_roster(open_bundle(bundle_path, unsigned), roster_path)
    roster = file.load()
    for user in roster.users:
        if as_json:
            emit(_record(user))
        else:
            say(console, f"{user.name}  {_told(user)}, {user.created}")
    say(console, f"{counted(len(roster.users), 'user')} and {counted(len(roster.visitors), 'visitor')} in {file.path}")


@users.command()
@_NAME
@bundle_option
@unsigned_option
@roster_option
@json_option
def show(name: str, bundle_path: Path, unsigned: bool, roster_path: Path | None, as_json: bool) -> None:
    """Show what is known of a user: neither the PIN, nor which symbols it has."""
    bundle = open_bundle(bundle_path, unsigned)
    user = open_roster(bundle, roster_path).load().get(name)
    record = {**_record(user), "board": user.board}
    if user.pin is None:
        alphabet = reader_alphabet(bundle)
        record["symbols"] = dict(sorted(Counter(alphabet[place] for place in user.symbols.tolist()).items()))
    if as_json:
        emit(record)
        return
    for field, value in record.items():
        say(plain_console(), f"{field:<10} {_text(value)}")


@users.command()
@_NAME
@click.argument("new")
@bundle_option
@unsigned_option
@roster_option
@json_option
def rename(name: str, new: str, bundle_path: Path, unsigned: bool, roster_path: Path | None, as_json: bool) -> None:
    """Give a user another name; writing and PIN stay."""
    file = open_roster(open_bundle(bundle_path, unsigned), roster_path)
    file.change(lambda roster: roster.rename(name, new))
    if as_json:
        emit({"event": "renamed", "name": new, "was": name, "roster": str(file.path)})
    say(plain_console(), f"{name} is called {new} now, in {file.path}")


@users.command()
@_NAME
@bundle_option
@unsigned_option
@roster_option
@json_option
def remove(name: str, bundle_path: Path, unsigned: bool, roster_path: Path | None, as_json: bool) -> None:
    """Remove a user with all that was kept of him; copies of the roster from before become unreadable."""
    file = open_roster(open_bundle(bundle_path, unsigned), roster_path)
    roster = file.change(lambda roster: roster.remove(name))
    if as_json:
        emit({"event": "removed", "name": name, "users": len(roster.users), "roster": str(file.path)})
    say(plain_console(), f"{name} is removed; {counted(len(roster.users), 'user')} in {file.path}")


@users.command("forget-keys")
@json_option
def forget_keys(as_json: bool) -> None:
    """Erase the keys of rosters whose files are gone: copies of them can be read by nobody any more."""
    for place in forget_rosters_gone(FileKeys(), Versions()).values():
        if as_json:
            emit({"event": "forgotten", "roster": str(place)})
        say(plain_console(), f"the key of {place} is erased: that roster is gone")


def _with_output(bundle: Bundle, user: Enrolment, pixels: Pixels, networks: Networks) -> Enrolment:
    """Return the user with the output that knows him, if the bundle has one.

    EvidenceError if the bundle's evidence is of no such input as his: with him in the roster no gate would open.
    """
    if EVIDENCE not in bundle.contents:
        return user
    return replace(user, output=find_output(bundle.evidence(), user, pixels, networks.engine))


def _read_pin(asks: bool, path: Path | None, alphabet: str, min_symbols: int) -> str | None:
    """Return the PIN that was asked for or is in the file, None without either.

    PinError if it is none, cannot be read, or others can read its file.
    """
    if path is None and not asks:
        return None
    if path is not None and str(path) != "-":
        return check_pin(_pin_in(path), alphabet, min_symbols)
    if sys.stdin is not None and sys.stdin.isatty():  # what is typed is not shown, whichever option was given
        pin = _typed_pin()
    elif asks:
        raise PinError("there is no terminal to ask for the PIN: give it with --pin-file, - for stdin")
    else:
        pin = _pin_on_stdin()
    return check_pin(pin, alphabet, min_symbols)


def _typed_pin() -> str:
    """Return what is typed twice without being shown. PinError if it is no text."""
    try:
        return str(click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True))
    except UnicodeDecodeError:
        raise PinError("what was typed is no text") from None


def _pin_on_stdin() -> str:
    """Return the first line of stdin. PinError if it is closed or holds no PIN."""
    if sys.stdin is None:
        raise PinError("stdin: the PIN cannot be read: it is closed")
    return _as_pin("stdin", sys.stdin.buffer.readline(_LONGEST_PIN_FILE + 1))


def _pin_in(path: Path) -> str:
    """Return what is in the file of a PIN, which may be a pipe. PinError, PinExposedError as `_read_pin`."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PinExposedError(f"{path}: others may read this PIN: `chmod go= {path}`, or take another one")
        with path.open("rb") as stream:
            return _as_pin(str(path), stream.read(_LONGEST_PIN_FILE + 1))
    except OSError as error:
        raise PinError(f"{path}: the PIN cannot be read: {error.strerror}") from error


def _as_pin(where: str, raw: bytes) -> str:
    """Return bytes as text, without the end of its line.

    PinError, which shows nothing of it, if they are no text or too many.
    """
    if len(raw) > _LONGEST_PIN_FILE:
        raise PinError(f"{where}: the PIN cannot be read: more than {_LONGEST_PIN_FILE:,} bytes")
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise PinError(f"{where}: the PIN cannot be read: it is no text") from None


def _record(user: Enrolment) -> dict[str, Any]:
    """Return what is listed of a user."""
    return {
        "name": user.name,
        "kind": user.kind,
        "writings": user.writings,
        "fragments": len(user),
        "pin": user.pin is not None,
        "output": user.output,
        "created": user.created,
    }


def _told(user: Enrolment) -> str:
    pin = "with a PIN" if user.pin is not None else "without a PIN"
    return f"input {user.kind}, {counted(user.writings, 'writing')}, {counted(len(user), 'fragment')}, {pin}"


def _text(value: object) -> str:
    """Return a value of a record as people read it."""
    if isinstance(value, dict):
        return " ".join(f"{symbol}:{count}" for symbol, count in value.items())
    return "unknown" if value is None else {"True": "yes", "False": "no"}.get(str(value), str(value))
