"""`inkgate run`: fragments from a board -> decisions, shown and recorded."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGTERM
from typing import Any

import click
from rich.console import Console

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.kernels import requests
from edge.bundle.signed import Admitted
from edge.cli.attempts import attempts_file, attempts_option
from edge.cli.bundle_path import admit_bundle, bundle_option, unsigned_option
from edge.cli.journal import journal_file, journal_option, say_unsealed
from edge.cli.output import as_record, emit
from edge.cli.people.identities import People, require_supported
from edge.cli.people.roster import complete_user, named, open_roster, roster_option
from edge.cli.settings import Rereading, setting
from edge.cli.signals import SignalledError, SignalsObeyed
from edge.decision.identify import Policy
from edge.decision.rule import Verdict
from edge.errors import EdgeError, GoldenError, NoUsersError, TooFewWordsError, UnverifiedError
from edge.gate.anchor import Anchor
from edge.gate.attempts import Attempts
from edge.gate.display import Display, passing_over_full_disk
from edge.gate.hooks import Hooks, parse_command
from edge.gate.judging import Rule, WhoMayEnter
from edge.gate.loop import WORD_TIMEOUT_S, Gate, Notice, Outcome, refuse
from edge.gate.steady import run_steadily
from edge.ink.quality import QualityLimits
from edge.journal.journal import Journal
from edge.journal.seal_keys import SealKeys
from edge.service.notify import Service
from firmware_bridge.cli.options import (
    CONNECT_S,
    PORT_HELP,
    FiniteRange,
    complete_known_board,
    complete_port,
    json_option,
    plain_console,
    say,
    unauthenticated_option,
)
from firmware_bridge.errors import InkgateError
from firmware_bridge.link.link import open_link
from firmware_bridge.link.ports import AUTO
from firmware_bridge.trust.board_keys import KeyStore

_SECONDS = FiniteRange(min=0, min_open=True)
_Words = tuple[str, ...]
_PLACES = ("port", "bundle_path", "roster_path", "journal_path", "attempts_path")
_MANNER = ("kernels", "word_timeout", "claim", "far", "pin_far", "early", "only")
"""Parameters that SIGHUP has read anew."""


class _Command(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.3 on
    """A command line -> its words. HookError if there are none."""

    name = "cmd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _Words:
        """Return the words."""
        return parse_command(value)


@click.command(cls=Rereading)
@setting("port", default=AUTO, show_default=True, shell_complete=complete_port, help=PORT_HELP)
@bundle_option
@unsigned_option
@journal_option
@setting(
    "kernels",
    type=click.Choice(requests()),
    help="Run on these kernels, though the bundle was verified on others: every decision then says so.",
)
@click.option("--words", type=click.IntRange(min=1), help="End after so many words.")
@click.option("--idle-timeout", type=_SECONDS, help="End when nobody has written for so many seconds.")
@setting(
    "word-timeout",
    type=_SECONDS,
    default=WORD_TIMEOUT_S,
    show_default=True,
    help="Give up a word whose next fragment does not come for so many seconds.",
)
@roster_option
@setting("claim", metavar="NAME", shell_complete=complete_user, help="Only this user may enter.")
@setting(
    "far",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    default=Policy.far,
    show_default=True,
    help="Of a roster: share of strangers' words that may be accepted.",
)
@setting(
    "pin-far",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    default=Policy.pin_far,
    show_default=True,
    help="Of a roster: share of words accepted of those who know a PIN and write it in their own hand.",
)
@setting(
    "early",
    is_flag=True,
    help="Of a roster: let users without a PIN in before their word ends. Its end then asks for a little more, so that "
    "--far holds over all looks together.",
)
@setting("on-accept", type=_Command(), help="Run this after each ACCEPT, without a shell: it opens the door.")
@setting("on-reject", type=_Command(), help="Run this after each REJECT, without a shell.")
@attempts_option
@click.option(
    "--uncounted",
    is_flag=True,
    help="Count no attempts, so that nobody is ever locked out: for trials. Every decision then says so.",
)
@setting(
    "board",
    "--board",
    "only",
    metavar="NAME",
    shell_complete=complete_known_board,
    help="Only this board may write; by default any whose key is here.",
)
@unauthenticated_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    port: str,
    bundle_path: Path,
    unsigned: bool,
    journal_path: Path | None,
    kernels: str | None,
    words: int | None,
    idle_timeout: float | None,
    word_timeout: float,
    roster_path: Path | None,
    claim: str | None,
    far: float,
    pin_far: float,
    early: bool,
    on_accept: _Words | None,
    on_reject: _Words | None,
    attempts_path: Path | None,
    uncounted: bool,
    only: str | None,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Decide who writes: a decision after each fragment from a board, a final one at the end of a word.

    A bundle is taken if it came with inkgate, or if it was signed by the first signer seen here or by one of `inkgate
    keys trust`; with --unsigned also if nobody signed it. Its golden words are computed first. If one bit is not as
    verified, the only decision is UNAVAILABLE. A board must prove that it has the key that this machine gave it
    (`inkgate firmware provision`); without a key it is refused unless --allow-unauthenticated, and then every decision
    says so.

    Nothing else on the line or the disk ends it once its board has connected: who is refused is told in a notice, and
    while the records cannot be written nothing is decided, and the board keeps its words.

    SIGTERM ends it with exit code 0, Ctrl-C with 130. SIGHUP has it open everything anew: after `inkgate quantize`,
    say; users of the roster are known at the next word in any case. Settings are read anew with it, and stay as they
    were if they are wrong.

    What is not given here is taken from the environment, then from ~/.config/inkgate.toml, then from /etc/inkgate.toml
    (`inkgate config show`).

    A command of --on-accept or --on-reject runs once for a word, for ten seconds at most. Its environment says
    what was decided: INKGATE_VERDICT, INKGATE_USER, INKGATE_SCORE, INKGATE_BOARD, INKGATE_WORD, INKGATE_TIME.

    As a service (`inkgate service`) it tells systemd when it listens, and at least once a second that it lives.
    """
    if uncounted and attempts_path is not None:
        raise click.UsageError("give --attempts, the file of counts, or --uncounted, and none are kept")
    commands = _by_verdict(on_accept, on_reject)
    console, tally, service = plain_console(), _Tally(words), Service()

    def serve(hooks: Hooks) -> None:
        service.opening()
        admitted = admit_bundle(bundle_path, unsigned)
        bundle = admitted.bundle
        policy = Policy(far=far, pin_far=pin_far, claim=claim, early=early)
        people = _people(bundle, roster_path, policy)
        thresholds = bundle.thresholds if people is None else None
        try:
            engine = bundle.engine(kernels)
            reader = bundle.reader(kernels) if people is not None else None
        except (UnverifiedError, GoldenError) as error:
            _refuse(error, admitted, journal_file(journal_path), as_json)
            ctx.exit(error.exit_code)
        _introduce(console, bundle, engine, len(bundle.manifest.users) if people is None else people.users)
        if people is not None and people.current().fused:
            fused = f"{people.current().fused} of them were trained in: their logits are weighed beside who wrote what"
            console.print(fused, highlight=False, soft_wrap=True)
        manifest = bundle.manifest
        unverified = "" if engine.verified else f"{engine.runtime}, kernels {engine.kernels}"
        rule = Rule(
            thresholds,
            manifest.users,
            manifest.pixel_bits,
            bundle.sha256,
            unverified,
            WhoMayEnter(reader, people.current) if people is not None and reader is not None else None,
            QualityLimits(),
            uncounted,
            not admitted.signed,
        )
        with ExitStack() as stack:
            journal = stack.enter_context(Journal(journal_file(journal_path), keys=SealKeys()))
            say_unsealed(console, journal)
            keys = KeyStore()
            attempts = None if uncounted else stack.enter_context(Attempts(attempts_file(attempts_path), claim))
            link = stack.enter_context(
                open_link(
                    port,
                    pixel_bits=manifest.pixel_bits,
                    allow_unauthenticated=allow_unauthenticated,
                    idle_timeout_s=idle_timeout,
                    connect_patience_s=CONNECT_S,
                    keys=keys,
                    delivered=_delivered(journal, keys),
                    alive=service.alive,
                    persistent=True,
                )
            )
            stack.callback(lambda: _tell_refused(console, link.counters.refused))
            display = Display(console)
            prove = None if unverified else partial(bundle.prove, engine, reader)
            gate = Gate(
                engine, rule, journal, attempts, Anchor(journal, link.remember),
                prove=prove, remember=keys.accept, only=only, word_timeout_s=word_timeout,
            )  # fmt: skip
            writable = [journal.require_writable, *([] if attempts is None else [attempts.counts])]
            steady = run_steadily(gate, link, writable, waiting=lambda: service.alive(False))
            with closing(steady) as outcomes:
                _follow(
                    signals.each(outcomes), display, hooks, tally, as_json, engine.verified, admitted.signed, service
                )

    # A command that still runs must hold up no opening anew: commands outlast it.
    with ExitStack() as end:
        end.callback(service.stopping)
        signals = end.enter_context(SignalsObeyed(service))
        hooks = end.enter_context(Hooks(commands, lambda told: Display(console).notice(Notice(told))))
        while True:
            try:
                serve(hooks)
                break
            except SignalledError as caught:
                if caught.number == SIGTERM:
                    return
                say(console, "SIGHUP: settings, bundle, roster, journal and port are opened anew")
                try:
                    asked = run.again(ctx)
                except (click.ClickException, InkgateError) as error:
                    say(console, f"settings stay as they were: {error}")
                    continue
                port, bundle_path, roster_path, journal_path, attempts_path = (asked[name] for name in _PLACES)
                kernels, word_timeout, claim, far, pin_far, early, only = (asked[name] for name in _MANNER)
                commands.clear()
                commands.update(_by_verdict(asked["on_accept"], asked["on_reject"]))
    if words is not None and tally.decided < words:
        raise TooFewWordsError(
            f"{port}: {tally.decided} of {words} words were decided before --idle-timeout ended the run"
        )


def _by_verdict(on_accept: _Words | None, on_reject: _Words | None) -> dict[Verdict, _Words]:
    asked = {Verdict.ACCEPT: on_accept, Verdict.REJECT: on_reject}
    return {verdict: command for verdict, command in asked.items() if command is not None}


@dataclass
class _Tally:
    """How many words were decided, and after how many to end; None: never."""

    words: int | None
    decided: int = 0


def _delivered(journal: Journal, keys: KeyStore) -> dict[str, tuple[int, int]]:
    """Return, by board, the last session and the word of it up to which nothing is decided again.

    What is kept beside a board's key counts also where the journal is another one, or is gone.
    """
    found = journal.delivered()
    for board, (session, word) in keys.accepted().items():
        known = found.get(board, (session, 0))
        found[board] = (session, max(word, known[1]) if known[0] == session else word)
    return found


def _people(bundle: Bundle, roster_path: Path | None, policy: Policy) -> People | None:
    """Return the users of the bundle's roster, None if the bundle's own users decide.

    They do if the network was trained for them and no roster is there. NoUsersError if a roster has no users.
    """
    if bundle.manifest.reader is None and roster_path is None:
        for option, asked in (("--claim", policy.claim is not None), ("--early", policy.early)):
            if asked:
                raise NoUsersError(
                    f"{bundle.path}: {option} is of users of a roster, and the bundle has no reader for one"
                )
        return None
    roster = open_roster(bundle, roster_path)
    of_roster = roster_path is not None or policy.claim is not None or policy.early
    if bundle.manifest.users and not of_roster and not roster.path.exists():
        return None
    evidence = bundle.evidence()
    require_supported(evidence, policy)
    people = People(evidence, roster, policy)
    if not people.users:
        enrol = f"`inkgate users add NAME {named(bundle, roster_path)} --port auto`"
        raise NoUsersError(f"{roster.path}: nobody is enrolled; {enrol} enrols somebody")
    if policy.early and not people.early_users:
        whom = "everybody" if policy.claim is None else policy.claim
        raise NoUsersError(
            f"{roster.path}: --early is of users without a PIN, and {whom} has one, whose length is part of it; "
            "leave out --early"
        )
    return people


def _follow(
    outcomes: Iterator[Outcome | Notice],
    display: Display,
    hooks: Hooks,
    tally: _Tally,
    as_json: bool,
    verified: bool,
    signed: bool,
    service: Service,
) -> None:
    """Show outcomes until as many words are decided as were asked for, or no more come."""
    for item in outcomes:
        if isinstance(item, Notice):
            display.notice(item)
            service.tell(item.text)
            continue
        hooks.follow(item)  # first: whoever reads the output may not read it for long
        if as_json:
            with passing_over_full_disk():
                emit(as_record(item, verified, signed))
        display.outcome(item)
        tally.decided += item.decision.final
        if tally.decided == tally.words:
            break


def _tell_refused(console: Console, frames: int) -> None:
    """Say how many intact frames were refused, if any were.

    A few are left from a connection that broke off; many mean that somebody else writes on the line.
    """
    if frames:
        text = f"{frames} intact frames were refused: forged, replayed, or of an earlier connection"
        with passing_over_full_disk():
            console.print(text, style="yellow", highlight=False, soft_wrap=True)


def _introduce(console: Console, bundle: Bundle, engine: Engine, users: int) -> None:
    manifest = bundle.manifest
    console.print(f"bundle {bundle.sha256[:12]}: {users} users, {manifest.pixel_bits} bit a pixel", highlight=False)
    console.print(f"runtime {engine.runtime}, kernels {engine.kernels}", highlight=False)
    if not engine.verified:
        made = manifest.executor
        text = (
            f"unverified: the bundle was made and verified on {made.runtime} {made.version}, kernels {made.kernels}; "
            "expect other decisions"
        )
        console.print(text, style="yellow", highlight=False, soft_wrap=True)


def _refuse(error: EdgeError, admitted: Admitted, journal_path: Path, as_json: bool) -> None:
    """Print, and record in the journal, that nothing is decided here and why."""
    with Journal(journal_path, keys=SealKeys()) as journal:
        outcome = refuse(str(error), admitted.bundle.sha256, journal)
    if as_json:
        emit(
            {
                **as_record(outcome, verified=False, signed=admitted.signed),
                "error": str(error),
                "exit_code": error.exit_code,
            }
        )
    click.echo(f"error: {outcome.decision.reason}", err=True)
