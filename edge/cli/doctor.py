"""`inkgate doctor`: look at everything that a gate needs, and say with which command it is mended."""

import grp
import math
import os
import shlex
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from edge.bundle.bundle import EVIDENCE, Bundle
from edge.bundle.signed import admit
from edge.cli.attempts import attempts_file, attempts_option
from edge.cli.bundle_path import bundle_option, unsigned_option
from edge.cli.config import settings_held
from edge.cli.journal import journal_file, journal_option
from edge.cli.output import counted, emit
from edge.cli.people.roster import named, open_roster, roster_option
from edge.cli.settings import Lenient, misspelt, setting
from edge.decision.identify import NEAR
from edge.doctor.finding import Finding, State, broken, doubtful, look, skipped, sound, worst
from edge.doctor.machine import Machine
from edge.errors import ServiceError, UnsignedBundleError
from edge.gate.attempts import Attempts
from edge.journal.journal import Journal
from edge.journal.seal_keys import SealKeys
from edge.roster.keys import FileKeys
from edge.roster.roster_file import rosters_gone
from edge.roster.versions import Versions
from edge.service.systemd import ask, is_running
from firmware_bridge.cli.options import CONNECT_S, complete_port, json_option, plain_console, say
from firmware_bridge.errors import ExitCode
from firmware_bridge.link.address import Scheme, read_address
from firmware_bridge.link.inquiry import greet
from firmware_bridge.link.ports import AUTO, find_board
from firmware_bridge.session import refusals
from firmware_bridge.session.errors import PORT
from firmware_bridge.trust.errors import SignatureError
from firmware_bridge.trust.pins import Pins
from firmware_bridge.wire.pixels import depth

_STYLE = {State.SOUND: "green", State.DOUBTFUL: "yellow", State.BROKEN: "bold red", State.SKIPPED: "dim"}


@click.command(cls=Lenient)
@bundle_option
@unsigned_option
@roster_option
@setting(
    "port",
    shell_complete=complete_port,
    help="The board's port, as for `inkgate run`; no board is looked for without it.",
)
@journal_option
@attempts_option
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    bundle_path: Path,
    unsigned: bool,
    roster_path: Path | None,
    port: str | None,
    journal_path: Path | None,
    attempts_path: Path | None,
    as_json: bool,
) -> None:
    """Look at settings, machine, bundle, roster, journal, service and board, and say what mends them.

    Give what you give to `inkgate run`; settings count as there. Nothing is mended. The exit code is that of the worst
    finding: 2 usage or configuration, 3 a device, 4 refused for security; 0 if nothing is broken.
    """
    found = []
    for finding in _look(ctx, bundle_path, unsigned, roster_path, port, journal_path, attempts_path):
        found.append(finding)
        if as_json:
            emit({**finding._asdict(), "state": finding.state.value})
            continue
        console = plain_console()
        console.print(f"{finding.state.value:<8}", style=_STYLE[finding.state], end=" ")
        say(console, f"{finding.check:<9} {finding.told}")
        if finding.mend:
            say(console, f"{'':<18} -> {finding.mend}")
    if not as_json:
        by_state = Counter(finding.state for finding in found)
        say(
            plain_console(),
            f"{by_state[State.BROKEN]} broken, {counted(by_state[State.DOUBTFUL], 'warning')}, "
            f"{by_state[State.SOUND]} ok, {by_state[State.SKIPPED]} skipped",
        )
    ctx.exit(worst(found))


def _look(
    ctx: click.Context,
    bundle_path: Path,
    unsigned: bool,
    roster_path: Path | None,
    port: str | None,
    journal_path: Path | None,
    attempts_path: Path | None,
) -> Iterator[Finding]:
    """Yield findings as they are made: what others rest on first."""
    yield look("settings", lambda: _settings(ctx), "inkgate config show")
    yield from Machine().findings([journal_file(journal_path).parent])
    bundles: list[Bundle] = []
    yield look("bundle", lambda: _bundle(bundle_path, unsigned, bundles), f"inkgate quantize RUN --out {bundle_path}")
    bundle = bundles[0] if bundles else None
    if bundle is not None:
        yield look("kernels", lambda: _kernels(bundle))
        yield look("roster", lambda: _roster(bundle, roster_path))
    gone = rosters_gone(FileKeys(), Versions())
    if gone:
        places = ", ".join(str(place) for place in sorted(gone.values()))
        yield doubtful("keys", f"keys are kept of rosters that are gone: {places}", "inkgate users forget-keys")
    yield look("attempts", lambda: _attempts(attempts_path))
    yield look("journal", lambda: _journal(journal_file(journal_path)))
    service, running = _service()
    yield service
    if running:
        yield skipped("board", "the service has its port; to ask it from here, `sudo systemctl stop inkgate` first")
    elif port is None:
        yield skipped("board", "no port is named: --port auto")
    else:
        yield look("port", lambda: _port(port), "inkgate ports")
        yield look("board", lambda: _board(port, bundle), "inkgate firmware info --port " + port)


def _settings(ctx: click.Context) -> Finding:
    """Say whether everything that is set can be meant; what is wrong is left out of the next checks."""
    found = list(settings_held(ctx))
    wrong = [held.error for held in found if held.error is not None]
    programs = [str(held.value) for held in found if held.key in ("on-accept", "on-reject") and held.value is not None]
    lost = [program for program in (shlex.split(line)[0] for line in programs) if shutil.which(program) is None]
    if wrong:
        return broken("settings", "; ".join(map(str, wrong)), "inkgate config show", max(e.exit_code for e in wrong))
    if lost:
        told = f"{lost[0]}: there is no such program, and it shall run after a decision"
        return broken("settings", told, "inkgate config show")
    if near := misspelt():
        return doubtful("settings", "; ".join(near), "inkgate config show")
    by_place = Counter(held.place for held in found if held.place)
    told = ", ".join(f"{number} from {place}" for place, number in by_place.items())
    return sound("settings", told or "all as they come")


def _service() -> tuple[Finding, bool]:
    """Say how the service stands, and whether it runs; without one the gate is started by hand."""
    try:
        told = ask()
    except ServiceError as error:
        return skipped("service", str(error)), False
    return judge_service(told), is_running(told)


def judge_service(told: Mapping[str, str]) -> Finding:
    """Return the finding about a service of which systemd says so."""
    state, log = f"{told['ActiveState']} ({told['SubState']})", "journalctl -u inkgate -n 20"
    if told["LoadState"] == "not-found":
        return skipped("service", "not installed, so nothing starts the gate at boot: `sudo inkgate service install`")
    if told["LoadState"] == "masked":
        return broken("service", "masked, so it cannot start", "sudo systemctl unmask inkgate")
    if told["LoadState"] != "loaded":
        return broken("service", f"systemd cannot use its unit: {told['LoadState']}", "systemctl status inkgate")
    if told["ActiveState"] == "failed":
        return broken("service", f"failed: {told['Result']}", log, ExitCode.DEVICE)
    if told["SubState"] == "auto-restart":
        again = f"it ends, and is started again and again: {told['NRestarts']} times, last result {told['Result']}"
        return broken("service", again, log, ExitCode.DEVICE)
    if told["NeedDaemonReload"] == "yes":
        return doubtful("service", f"{state}, by an older unit than is there now", "sudo systemctl daemon-reload")
    if told["ActiveState"] not in ("active", "reloading", "activating"):
        return doubtful("service", state, "sudo systemctl enable --now inkgate")
    if not told["UnitFileState"].startswith("enabled"):
        return doubtful("service", f"{state}, but not from boot on", "sudo systemctl enable inkgate")
    return sound("service", f"{state}, {told['StatusText'] or 'says nothing'}; restarted {told['NRestarts']} times")


def _bundle(path: Path, unsigned: bool, opened: list[Bundle]) -> Finding:
    """Say what the bundle is and who answers for it; a signer who is new here is not kept by looking."""
    try:
        admitted = admit(path, Pins(), unsigned=unsigned, remember=False)
    except (SignatureError, UnsignedBundleError) as error:
        return broken("bundle", str(error), "", error.exit_code)
    bundle = admitted.bundle
    opened.append(bundle)
    lacking = [] if EVIDENCE in bundle.contents or bundle.manifest.users else [EVIDENCE]
    told = f"{bundle.path}, {bundle.sha256[:12]}, {depth(bundle.manifest.pixel_bits)}, {admitted.told}"
    if admitted.first:
        told += ", who is new here: the first run takes this signer, and then no other"
    if lacking:
        return broken("bundle", f"{told}: knows nobody, and nobody can be enrolled in it", "inkgate quantize --help")
    if not admitted.signed:
        return doubtful("bundle", f"{told}: every decision says so", f"inkgate bundle sign {path}")
    return sound("bundle", told)


def _kernels(bundle: Bundle) -> Finding:
    """Let both networks compute their golden words, as the gate does when it starts."""
    engine = bundle.engine()
    if bundle.manifest.reader is not None:
        bundle.reader()
    return sound("kernels", f"{engine.runtime}, kernels {engine.kernels}: golden words bit for bit as verified")


def _roster(bundle: Bundle, path: Path | None) -> Finding:
    if bundle.manifest.reader is None:
        return skipped("roster", f"the bundle has no reader: it knows its own {len(bundle.manifest.users)} users only")
    file = open_roster(bundle, path)
    roster = file.load()
    people = len(roster.users) + len(roster.visitors)
    told = f"{file.path}: {counted(len(roster.users), 'user')}, {counted(len(roster.visitors), 'visitor')}"
    if not roster.users:
        if bundle.manifest.users and not file.path.exists():
            return skipped("roster", f"none: the bundle's own {len(bundle.manifest.users)} users may enter")
        mend = f"inkgate users add NAME {named(bundle, path)} --port auto"
        return broken("roster", f"{told}: nobody may enter", mend)
    if people <= NEAR:
        mend = f"inkgate calibrate {named(bundle, path)} --port auto"
        return doubtful("roster", f"{told}: fewer than {NEAR} others wrote here, so the FAR is unknown", mend)
    return sound("roster", told)


def _attempts(path: Path | None) -> Finding:
    file = attempts_file(path)
    if not file.exists():
        return sound("attempts", f"none yet in {file}")
    with Attempts(file) as opened:
        locked = [count for count in opened.counts() if count.wait_s > 0]
    if not locked:
        return sound("attempts", f"nobody is locked out, in {file}")
    told = ", ".join(
        f"{count.kind} {count.name}"
        + (" until it is reset" if math.isinf(count.wait_s) else f" for {math.ceil(count.wait_s)} s")
        for count in locked
    )
    one = f"inkgate attempts reset --{locked[0].kind} {locked[0].name}"
    if any(math.isinf(count.wait_s) for count in locked):
        return broken("attempts", f"locked out: {told}", one, ExitCode.REFUSED)
    return doubtful("attempts", f"locked out: {told}", one)


def _journal(path: Path) -> Finding:
    if not path.exists():
        return sound("journal", f"{path} is not there yet: `inkgate run` makes it")
    with Journal(path, read_only=True, keys=SealKeys()) as journal:
        verified = journal.verify()
    if verified.fault is not None:
        mend = f"keep {path} as evidence, find out who can write it, and begin another one: --journal OTHER"
        return broken("journal", f"{path}: {verified.fault}", mend, ExitCode.REFUSED)
    told = f"{path}: {verified.rows} rows, head {verified.head}"
    if not verified.sealed:
        return doubtful("journal", f"{told}: not sealed, so it can be made anew unseen", f"inkgate journal seal {path}")
    return sound("journal", told)


def _port(port: str) -> Finding:
    """Say whether the port is there and this user may use it."""
    path = find_board() if port == AUTO else port
    if read_address(path).scheme is not Scheme.SERIAL:
        return skipped("port", f"{path} is no file")
    try:
        facts = Path(path).stat()
    except OSError as error:
        return broken("port", f"{path}: {error.strerror}", "inkgate ports", ExitCode.DEVICE)
    if not stat.S_ISCHR(facts.st_mode):
        return broken("port", f"{path}: is no serial port", "inkgate ports", ExitCode.DEVICE)
    if not os.access(path, os.R_OK | os.W_OK):
        return broken("port", f"{path}: this user may not read and write it", _join(facts.st_gid), ExitCode.DEVICE)
    return sound("port", path)


def _join(group: int) -> str:
    try:
        name = grp.getgrgid(group).gr_name
    except KeyError:
        name = str(group)
    return f"sudo usermod -aG {name} $USER, then log in anew"


def _board(port: str, bundle: Bundle | None) -> Finding:
    """Ask the board who it is, prove it by its key, and compare its depth of pixels with the bundle's."""
    info, problem = greet(port, connect_patience_s=min(CONNECT_S, 3.0))
    told = f"{info.board}, firmware {info.firmware}, {info.kind.name.lower()}, {depth(info.pixel_bits)}"
    if problem is not None:
        return broken("board", f"{told}: {problem}", f"inkgate firmware info --port {port}", problem.exit_code)
    if bundle is not None and info.pixel_bits != bundle.manifest.pixel_bits:
        bits = bundle.manifest.pixel_bits
        mend = f"inkgate firmware build {info.board} {info.kind.name.lower()} --set pixel_bits={bits}, then flash it"
        return broken("board", f"{told}: the bundle wants {depth(bits)}", mend)
    if not info.authenticated:
        command = refusals.provisioning(info.model).replace(PORT, port)
        mend = command or "inkgate simulate, without --no-key"
        return broken("board", f"{told}: it has no key, so anybody on the line can write", mend, ExitCode.REFUSED)
    return sound("board", f"{told}, proved by its key")
