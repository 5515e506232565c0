"""How long the gate takes from the last byte of a word to its decision in the journal, on a real pseudo-terminal.

    PYTHONPATH=tests/support python tests/benchmarks/latency.py [WORDS]

The ready bundle, a roster of ten users, a sealed journal, words of eight symbols by them and by strangers. The clock
starts when the board has written the last byte of the word's END to the terminal, and stops when the decision's row
is on the disk: the attempt that is counted before, golden vectors before an ACCEPT, fsync and the turning of the seal's
key are in it. The board keeps the pace of 115200 baud and writes a word when the one before was acknowledged.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.places import READY, find_bundle
from edge.bundle.reader import Reader
from edge.cli.people.identities import People
from edge.cli.people.roster import networks_sha256
from edge.decision.enrolment import Enrolment, Material
from edge.decision.identify import Policy
from edge.gate.attempts import Attempts, Now
from edge.gate.judging import Rule, WhoMayEnter
from edge.gate.loop import Gate, Notice, utc_now
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet, sample_words
from edge.ink.quality import QualityLimits
from edge.journal.journal import Journal
from edge.journal.seal_keys import SealKeys
from edge.roster.keys import FileKeys
from edge.roster.roster_file import RosterFile
from edge.roster.versions import Versions
from firmware_bridge.emulate import virtual_board
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.link import open_link
from firmware_bridge.trust.board_keys import KeyStore
from train.synthetic.writers import synthetic_set

USERS, VISITORS, FRAGMENTS, SYMBOLS = 10, 8, 60, 8


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        place = Path(folder)
        for variable in ("KEYS", "STATE", "ROSTER_KEYS", "SIGNING"):
            os.environ[f"INKGATE_{variable}"] = str(place / variable.lower())
        took, verdicts = decide(place, count)
    quantiles = np.quantile(took, [0.5, 0.99])
    told = ", ".join(f"{verdicts.count(name)} {name}" for name in sorted(set(verdicts)))
    print(f"{len(took):,} words of {SYMBOLS} symbols, {USERS} users: {told}")
    print(
        f"last byte to journalled decision: p50 {quantiles[0]:.1f} ms, p99 {quantiles[1]:.1f}, max {max(took):.1f} ms"
    )
    accepted = [ms for ms, verdict in zip(took, verdicts, strict=True) if verdict == "ACCEPT"]
    if accepted:
        print(f"of them ACCEPT, behind the golden vectors: p50 {statistics.median(accepted):.1f} ms")


def decide(place: Path, count: int) -> tuple[list[float], list[str]]:
    """Return the milliseconds that each word took, and its verdict."""
    bundle = Bundle.open(find_bundle(READY))
    engine, reader = bundle.engine(), bundle.reader()
    written = synthetic_set(USERS + VISITORS + 4, FRAGMENTS + 60, seed=5).to_bits(1)
    roster = enrol(place, bundle, written, engine, reader)
    people = People(bundle.evidence(), roster, Policy())
    rule = Rule(None, (), 1, bundle.sha256, "", WhoMayEnter(reader, people.current), QualityLimits())
    late = written.order >= FRAGMENTS
    writers = [*range(USERS), *range(USERS + VISITORS, USERS + VISITORS + 4)]
    kept = written.select(late & np.isin(written.writer, writers))
    index, _ = sample_words(kept, kept.writers, SYMBOLS, -(-count // len(kept.writers)), np.random.default_rng(1))
    words = [kept.pixels[word] for word in np.random.default_rng(2).permutation(index)[:count]]
    keys, ended = KeyStore(), list[float]()
    watch_writes(ended)
    virtual_board.OUTBOX_WORDS = 1  # nothing is written behind a word's END before it is decided
    took, verdicts = list[float](), list[str]()
    board = VirtualBoard(words, link=place / "pen", memory=SelfProvisioned(keys, "virtual-pen"))
    days = count_days()
    with (
        Journal(place / "journal", keys=SealKeys()) as journal,
        Attempts(place / "attempts", now=lambda: next(days)) as attempts,
        board,
    ):
        journal.seal(SealKeys(), lambda _seed: None)
        gate = Gate(engine, rule, journal, attempts, prove=partial(bundle.prove, engine, reader), remember=keys.accept)
        with open_link(board.start(), keys=keys, idle_timeout_s=3.0) as link:
            for outcome in gate.run(link.events()):
                now_s = time.perf_counter()
                if isinstance(outcome, Notice) or not outcome.decision.final:
                    continue
                took.append(1e3 * (now_s - ended[-1]))
                verdicts.append(outcome.decision.verdict.name)
                if len(took) == len(words):
                    break
    return took, verdicts


def count_days() -> Iterator[Now]:
    """Yield a time each day, so that strangers lock nobody out."""
    for day in itertools.count():
        yield Now("boot", day * 86_400.0, day * 86_400.0)


def enrol(place: Path, bundle: Bundle, written: FragmentSet, engine: Engine, reader: Reader) -> RosterFile:
    """Return a roster of USERS users and VISITORS visitors, each enrolled from FRAGMENTS fragments."""
    file = RosterFile(place / "roster", networks_sha256(bundle), FileKeys(), Versions())
    for writer in range(USERS + VISITORS):
        own = np.flatnonzero((written.writer == writer) & (written.order < FRAGMENTS))
        codes = to_int8(written.pixels[own])
        readings = reader.read(codes)
        fields = {
            "kind": "pen", "board": "virtual-pen", "features": engine.features(codes), "created": utc_now(),
            "readings": readings.astype(np.float32), "symbols": readings.argmax(1).astype(np.int8),
            "writing": np.zeros(len(own), np.int32),
        }  # fmt: skip
        if writer < USERS:
            file.change(lambda roster, name=f"user {writer}", of=fields: roster.add(Enrolment(name=name, **of)))
        else:
            file.change(lambda roster, of=fields: roster.add_visitor(Material(**of)))
    return file


def watch_writes(ended: list[float]) -> None:
    """Note when the board has written: the last write before a decision is that of the word's END."""
    plain = os.write

    def write(descriptor: int, data: bytes) -> int:
        done = plain(descriptor, data)
        ended.append(time.perf_counter())
        return done

    virtual_board.os.write = write


if __name__ == "__main__":
    main()
