"""A gate of the ready networks in a folder, run again and again with one fault at one call site: what comes of it.

`python tests/support/faulty_gate.py FOLDER` is a process in which every call of edge and firmware_bridge is hooked. It
reads orders from stdin, one JSON object a line (`{}`: record every site that is reached, or site, kind, fault, when),
runs each in a process of its own, and answers with a line. A run is `inkgate run` twice, with a restart in between, at
a board that sends an owner's word, a stranger's, and the owner's again. The fault happens once, the first time that the
site is reached ("first"), or lasts a while from when it is reached while the stranger writes on ("stranger").
"""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from call_sites import change, install, kind_of

LOUD_HITS, SILENT_HITS = 3, 200
"""How often a fault happens that lasts a while."""
PATIENCE_S, HANG_S = 4.0, 20.0
OWNER, BOARD = "user 0", "site-board"
STRANGER = 2
"""The number of the stranger's word."""


def plain(_: str, what: Any, /, *arguments: Any, **options: Any) -> Any:
    return what(*arguments, **options)


class Moment:
    """Which word is open, and whether the gate runs."""

    def __init__(self) -> None:
        self.word, self.running = 0, False

    def is_gates(self) -> bool:
        return self.running and threading.current_thread().name != "virtual-board"


class Recording:
    """Every site that the gate reaches: its kind, the faults it can have, and whether while the stranger writes."""

    def __init__(self, moment: Moment) -> None:
        self.moment, self.sites = moment, dict[str, dict[str, Any]]()

    def __call__(self, site: str, what: Any, /, *arguments: Any, **options: Any) -> Any:
        from fault_kinds import faults_of

        if self.moment.is_gates() and (kind := kind_of(what)) is not None:
            result = what(*arguments, **options)
            found = self.sites.setdefault(
                site, {"kind": kind, "faults": faults_of(kind, what, result), "stranger": False}
            )
            found["stranger"] = found["stranger"] or self.moment.word == STRANGER
            return result
        return what(*arguments, **options)


class Injection:
    """One fault at one site."""

    def __init__(self, moment: Moment, order: dict[str, Any]) -> None:
        from fault_kinds import _UNKNOWN, fault

        self.moment, self.site, self.kind, self.when = moment, order["site"], order["kind"], order["when"]
        self.fault, self.hits, self.last = fault(self.kind, order["fault"]), 0, _UNKNOWN
        self.most = 1 if self.when == "first" else LOUD_HITS if self.fault.loud else SILENT_HITS

    def __call__(self, site: str, what: Any, /, *arguments: Any, **options: Any) -> Any:
        if site != self.site or not self.moment.is_gates() or kind_of(what) != self.kind:
            return what(*arguments, **options)
        due = self.hits > 0 or self.when == "first" or self.moment.word == STRANGER
        if due and self.hits < self.most:
            self.hits += 1
            return self.fault.make(what, self.last, arguments, options)
        self.last = what(*arguments, **options)
        return self.last


class Site:
    """Bundle, roster, sealed journal, keys, and the words, all in one folder, put back before each run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder / "site", folder / "kept"
        for variable in ("KEYS", "ROSTER_KEYS", "SIGNING", "STATE"):
            os.environ[f"INKGATE_{variable}"] = str(self.folder / variable.lower())
        os.environ.pop("NOTIFY_SOCKET", None)
        self.bundle, self.journal, self.hook = (self.folder / name for name in ("bundle", "journal.db", "hook"))

    def make(self) -> None:
        """Make all of it. The bundle is signed by a signer of its own, so that the pins are read."""
        from gate_site import Site as Enrolled
        from tiny_gate import MAKER

        from edge.bundle.signed import sign_bundle
        from edge.ink.symbols import DIGITS
        from edge.journal.journal import Journal
        from edge.journal.seal_keys import SealKeys
        from firmware_bridge.trust.board_keys import KeyStore
        from firmware_bridge.trust.pins import Pins
        from train.demo.hands import InventedHands

        self.folder.mkdir()
        enrolled = Enrolled(self.folder, users=2)
        sign_bundle(self.bundle, MAKER, newest=True)
        Pins().trust(MAKER.public, "the maker of tests")
        with Journal(self.journal) as journal:
            journal.seal(SealKeys(), lambda _: None)
        KeyStore().start_board(BOARD)
        self.hook.write_text('#!/bin/sh\necho "$INKGATE_WORD $INKGATE_VERDICT" >> "$1"\n')
        self.hook.chmod(0o755)
        own = enrolled.words[0].fragments
        hands = InventedHands(DIGITS, 1)
        hands.people(3, len(DIGITS), 10)
        self.words = [own[:6], hands.write(max(hands.people(9, len(DIGITS), 10)), "725038").fragments, own[:6]]
        shutil.copytree(self.folder, self.kept, symlinks=True)

    def put_back(self) -> None:
        for path in self.folder.iterdir():
            if path != self.bundle:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.kept.iterdir():
            if path != self.kept / "bundle":
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, self.folder / path.name)

    def command(self, port: str, words: int) -> list[str]:
        return [
            "inkgate", "run", "--port", port, "--bundle", str(self.bundle), "--journal", str(self.journal),
            "--attempts", str(self.folder / "attempts.db"), "--claim", OWNER, "--words", str(words),
            "--idle-timeout", "2", "--json", "--on-accept", f"{self.hook} {self.folder / 'door'}",
        ]  # fmt: skip


def run_gate(site: Site, moment: Moment, port: str, words: int, name: str) -> int | str:
    """Run `inkgate run` in this process; return its exit code, or the traceback's last line."""
    import traceback

    from inkgate import main

    sys.argv = site.command(port, words)
    limit = threading.Timer(PATIENCE_S, os.kill, (os.getpid(), signal.SIGTERM))
    limit.daemon = True
    with (site.folder / f"{name}.out").open("wb") as out, (site.folder / f"{name}.err").open("wb") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - the process ends with it
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    limit.start()
    try:
        moment.word, moment.running = 0, True
        main()
        return 0
    except SystemExit as end:
        return 0 if end.code is None else int(end.code)
    except BaseException as error:
        at = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        return f"{type(error).__name__}: {error} at {' '.join(at[-6:])}"
    finally:
        moment.running = False
        limit.cancel()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()


def shorten_waits() -> None:
    """Let what is only waited for be short."""
    import edge.gate.steady as steady
    import firmware_bridge.link.link as link

    link.SETTLE_S, link.RETRY_S, steady.RETRY_S = 0.02, 0.02, 0.02


def run_once(site: Site, order: dict[str, Any]) -> dict[str, Any]:
    """Run the gate with an order's fault, then without; return what was seen."""
    from edge.gate.loop import Gate
    from firmware_bridge.emulate.board_memory import SelfProvisioned
    from firmware_bridge.emulate.virtual_board import VirtualBoard
    from firmware_bridge.trust.board_keys import KeyStore

    moment = Moment()
    hook: Any = Injection(moment, order) if order else Recording(moment)
    opened = Gate._open

    def note(gate: Gate, key: Any) -> Any:
        moment.word = key[2]
        return opened(gate, key)

    Gate._open = note  # type: ignore[method-assign]
    shorten_waits()
    site.put_back()
    ends: list[int | str] = []
    with VirtualBoard(site.words, baud_rate=None, board=BOARD, memory=SelfProvisioned(KeyStore(), BOARD)) as board:
        change(hook)
        ends.append(run_gate(site, moment, str(board.path), 2, "first"))
        if not order:
            ends.append(run_gate(site, moment, str(board.path), 1, "again"))
        hit = hook.hits if order else 0
        change(plain)
        left = 3 - len({row[0] for row in rows_of(site)[0] if row[3] and row[0]})
        if left and order:
            ends.append(run_gate(site, moment, str(board.path), left, "again"))
        board.wait(0.2)
        acknowledged = [sent.word for sent in board.acknowledged]
    rows, fault = rows_of(site)
    shown = []
    for name in ("first", "again"):
        path = site.folder / f"{name}.out"
        for line in path.read_text().splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if "word" in record:
                    shown.append([record["word"], record["symbols"], record["decision"], record["final"]])
    door = site.folder / "door"
    return {
        "ends": ends, "hits": hit, "rows": rows, "fault": fault, "shown": shown, "acknowledged": acknowledged,
        "door": door.read_text().splitlines() if door.exists() else [],
        "errors": [(site.folder / f"{n}.err").read_text()[-600:] for n in ("first",)],
        "sites": {} if order else hook.sites,
    }  # fmt: skip


def rows_of(site: Site) -> tuple[list[list[Any]], str | None]:
    """Return the journal's rows, and what is wrong with it."""
    from edge.journal import schema
    from edge.journal.journal import Journal
    from edge.journal.seal_keys import SealKeys
    from firmware_bridge.errors import InkgateError

    schema._expected.cache_clear()  # the next gate is another process
    try:
        with Journal(site.journal, keys=SealKeys()) as journal:
            rows = [[e.word, e.symbols, e.decision, e.final] for _, e, _ in journal.rows()]
            return rows, journal.verify().fault
    except InkgateError as error:
        return [], f"cannot be opened: {error}"


def in_child(site: Site, order: dict[str, Any]) -> dict[str, Any]:
    """Run an order in a process of its own; one that hangs is killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setsid()
        told = json.dumps(run_once(site, order)).encode()
        with os.fdopen(writer, "wb") as stream:
            stream.write(told)
        os._exit(0)
    os.close(writer)
    content, limit_s = b"", time.monotonic() + HANG_S
    while select.select([reader], [], [], max(0.0, limit_s - time.monotonic()))[0]:
        piece = os.read(reader, 65_536)
        if not piece:
            break
        content += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(reader)
    os.waitpid(child, 0)
    return json.loads(content) if content else {"ends": ["hangs"], "hits": 1}  # type: ignore[no-any-return]


def serve() -> None:
    install(plain)
    site = Site(Path(sys.argv[1]).resolve())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    site.make()
    import edge.cli.run  # noqa: F401 - so that every child has it
    import inkgate  # noqa: F401
    from edge.bundle.bundle import Bundle

    Bundle.open(site.bundle)
    for line in sys.stdin:
        answers.write(json.dumps(in_child(site, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
