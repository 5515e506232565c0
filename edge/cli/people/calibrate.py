"""`inkgate calibrate`: writing of visitors without names -> the visitors of a roster."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from edge.bundle.bundle import EVIDENCE, Bundle
from edge.cli.bundle_path import bundle_option, open_bundle, unsigned_option
from edge.cli.output import counted, emit
from edge.cli.people.enrolling import Desk, Teller, enrol_from_file, follow
from edge.cli.people.roster import Networks, idle_option, open_networks, open_roster, roster_option
from edge.cli.settings import setting
from edge.decision.enrolment import Material
from edge.decision.identify import model_for
from edge.errors import EnrolmentError
from edge.gate.loop import utc_now
from edge.ink.fragment_set import FragmentSet
from edge.roster.enrolling import MIN_SYMBOLS, Enrolling, Plan
from edge.roster.roster import Roster
from edge.roster.roster_file import RosterFile
from firmware_bridge.cli.options import (
    CONNECT_S,
    PORT_HELP,
    complete_port,
    json_option,
    plain_console,
    unauthenticated_option,
)
from firmware_bridge.link.link import open_link

WRITINGS = 3
"""Words that a visitor at a board writes."""


@click.command()
@bundle_option
@unsigned_option
@click.option("--from", "source", type=click.Path(path_type=Path), help="Each writer of this .npz file is a visitor.")
@setting(
    "port",
    outweighed_by=("source", "forget"),
    shell_complete=complete_port,
    help=f"Visitors write at a board. {PORT_HELP}",
)
@click.option("--visitors", type=click.IntRange(min=1), help="End after so many visitors; else with Ctrl-C.")
@click.option(
    "--writings",
    type=click.IntRange(min=1),
    default=WRITINGS,
    show_default=True,
    help="Words that each visitor at a board writes; then it is the next one's turn.",
)
@click.option("--forget", is_flag=True, help="Forget all visitors.")
@idle_option
@roster_option
@unauthenticated_option
@json_option
def calibrate(
    bundle_path: Path,
    unsigned: bool,
    source: Path | None,
    port: str | None,
    visitors: int | None,
    writings: int,
    forget: bool,
    idle_timeout: float | None,
    roster_path: Path | None,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Let people write who may not enter, so that the gate learns what this device makes of writing.

    How far a stranger's writing is from a user's depends on the pen or camera. Ten visitors are a good number; each
    writes a few words of different symbols, and none of them should be a user. They get numbers, no names, and nobody
    is let in by what they wrote. Each is stored, encrypted, when his last word was taken.
    """
    if [source is not None, port is not None, forget].count(True) != 1:
        raise click.UsageError("give one of --from, a file of fragments, --port, a board to write at, and --forget")
    teller = Teller(plain_console(), as_json)
    bundle = open_bundle(bundle_path, unsigned)
    file = open_roster(bundle, roster_path)
    before = len(file.load().visitors)
    if forget:
        file.change(lambda roster: roster.forget_visitors())
        if as_json:
            emit({"event": "forgotten", "visitors": before, "roster": str(file.path)})
        teller.say(f"{counted(before, 'visitor')} forgotten, in {file.path}")
        return
    file.require_writable()
    networks = open_networks(bundle)
    plan = Plan(networks.reader.alphabet, writings=writings, least_writings=1, min_fragments=MIN_SYMBOLS)
    if source is not None:
        fragments = FragmentSet.load(source).to_bits(bundle.manifest.pixel_bits)
        _store(list(islice(_of_file(plan, fragments, networks, teller), visitors)), bundle, file, teller)
    else:
        assert port is not None
        with open_link(
            port,
            pixel_bits=bundle.manifest.pixel_bits,
            allow_unauthenticated=allow_unauthenticated,
            idle_timeout_s=idle_timeout,
            connect_patience_s=CONNECT_S,
        ) as link:
            desk = Desk(link.events(), networks, teller)
            for visitor in _at_board(plan, desk, teller, visitors):
                _store([visitor], bundle, file, teller)
    stored = len(file.load().visitors)
    if as_json:
        emit({"event": "calibrated", "visitors": stored - before, "total": stored, "roster": str(file.path)})
    teller.say(f"{counted(stored - before, 'visitor')} wrote; {stored} in all in {file.path}")
    if stored == before:
        raise EnrolmentError("nobody wrote enough: nothing was stored")
    if visitors is not None and stored - before < visitors:
        raise EnrolmentError(f"{stored - before} of {visitors} visitors wrote enough")


def _of_file(plan: Plan, fragments: FragmentSet, networks: Networks, teller: Teller) -> Iterator[Material]:
    """Yield what each writer of the set wrote; who wrote too little is told and left out."""
    for writer in fragments.writers.tolist():
        try:
            kind, taken = enrol_from_file(plan, fragments, writer, None, networks, teller)
            yield Material(created=utc_now(), kind=kind, **taken.arrays())
        except EnrolmentError as error:
            teller.say(f"writer {fragments.name_of(writer)} is left out: {error}")


def _at_board(plan: Plan, desk: Desk, teller: Teller, visitors: int | None) -> Iterator[Material]:
    """Yield what each visitor wrote, until there were so many or no more words come."""
    writings, number = desk.writings(), 0
    while visitors is None or number < visitors:
        number += 1
        teller.say(f"visitor {number}: write {plan.writings} words of at least {plan.min_symbols} different symbols")
        after = follow(Enrolling(plan), writings, teller)
        if not after.done:
            return
        yield Material(created=utc_now(), **desk.material(after))


def _store(visitors: list[Material], bundle: Bundle, file: RosterFile, teller: Teller) -> None:
    """Add visitors to the roster at once, and tell their numbers.

    EvidenceError if the bundle's evidence is of no such input as theirs: with them in the roster no gate would open.
    """

    def add_all(roster: Roster) -> Roster:
        for visitor in visitors:
            roster = roster.add_visitor(visitor)
        return roster

    if not visitors:
        return
    if EVIDENCE in bundle.contents:
        evidence = bundle.evidence()
        for visitor in visitors:
            model_for(evidence, visitor.kind, [visitor])
    for stored in file.change(add_all).visitors[-len(visitors) :]:
        if teller.as_json:
            emit({"event": "visitor", "number": stored.number, "kind": stored.kind, "fragments": len(stored)})
        teller.say(f"visitor {stored.number} is stored: input {stored.kind}, {counted(len(stored), 'fragment')}")
