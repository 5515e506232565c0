"""A board remembers the journal's last row: beside an older copy of it, or another journal, nothing is decided."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from journals import edit, write_journal

from edge.bundle.engine import Engine
from edge.cli.journal import journal as journal_command
from edge.decision.rule import Verdict
from edge.gate.anchor import MISSING, Anchor
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Notice, Outcome
from edge.journal.anchor import HEAD_BYTES, NOTHING
from edge.journal.journal import Journal
from edge.journal.keeping import rotate
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.link.link import open_link
from firmware_bridge.trust.board_keys import KeyStore

BOARD = "virtual-pen"
WORDS = 5


@pytest.fixture
def keys() -> KeyStore:
    return KeyStore()


@pytest.fixture
def pen(words: list[np.ndarray], keys: KeyStore) -> Iterator[VirtualBoard]:
    with VirtualBoard(words[:WORDS], baud_rate=None, memory=SelfProvisioned(keys, BOARD)) as board:
        yield board


class Desk:
    """A gate at a board, whose journal can be exchanged while it is away."""

    def __init__(self, engine: Engine, rule: Rule, keys: KeyStore, board: VirtualBoard, path: Path) -> None:
        self.engine, self.rule, self.keys, self.board, self.path = engine, rule, keys, board, path
        self.notices: list[str] = []

    def decide(self, count: int) -> list[Outcome]:
        """Run a gate until so many words are decided and the board knows it; return the decisions."""
        finals: list[Outcome] = []
        with Journal(self.path) as journal, open_link(self.board.start(), keys=self.keys, idle_timeout_s=20.0) as link:
            gate = Gate(self.engine, self.rule, journal, anchor=Anchor(journal, link.remember))
            for item in gate.run(link.events()):
                if isinstance(item, Notice):
                    self.notices.append(item.text)
                elif item.decision.final:
                    finals.append(item)
                if len(finals) == count:
                    break
            link._settle()
        return finals

    def remembered(self) -> bytes | None:
        """Return what the board says that it remembers."""
        with Inquiry(self.board.start(), keys=self.keys) as inquiry:
            inquiry._until(lambda: inquiry._session.remembered is not None)
            return inquiry._session.remembered

    def head(self) -> bytes:
        with Journal(self.path, read_only=True) as journal:
            return journal.head


@pytest.fixture
def desk(engine: Engine, rule: Rule, keys: KeyStore, pen: VirtualBoard, tmp_path: Path) -> Desk:
    return Desk(engine, rule, keys, pen, tmp_path / "journal.sqlite")


def decided(outcomes: list[Outcome]) -> bool:
    return all(outcome.decision.verdict in (Verdict.ACCEPT, Verdict.REJECT) for outcome in outcomes)


def test_the_board_remembers_the_last_decision_and_a_sound_journal_is_decided_beside(desk: Desk) -> None:
    assert desk.remembered() == NOTHING
    for _ in range(2):
        assert decided(desk.decide(1))
        assert desk.remembered() == desk.head()
    with Journal(desk.path) as journal:
        rotate(journal)
    assert decided(desk.decide(1))
    assert MISSING not in desk.notices


def test_beside_an_older_copy_nothing_is_decided_until_somebody_says_that_it_is_right(desk: Desk) -> None:
    assert decided(desk.decide(1))
    older = desk.path.with_name("older")
    shutil.copy(desk.path, older)
    assert decided(desk.decide(1))
    told = desk.remembered()
    shutil.copy(older, desk.path)
    [outcome] = desk.decide(1)
    assert outcome.decision.verdict is Verdict.UNAVAILABLE
    assert MISSING in outcome.decision.reason
    assert desk.notices.count(MISSING) == 1
    assert desk.remembered() == told
    done = CliRunner().invoke(journal_command, ["anchor", str(desk.path), "--port", desk.board.start(), "--json"])
    assert done.exit_code == 0, done.output
    assert desk.remembered() == desk.head()
    assert decided(desk.decide(1))


def test_another_journal_is_not_the_one_that_the_board_remembers(desk: Desk) -> None:
    assert decided(desk.decide(1))
    desk.path = desk.path.with_name("other.sqlite")
    assert [outcome.decision.verdict for outcome in desk.decide(1)] == [Verdict.UNAVAILABLE]


def test_a_journal_that_was_changed_is_not_what_a_board_is_told(desk: Desk) -> None:
    desk.decide(1)
    told = desk.remembered()
    edit(desk.path, "UPDATE decisions SET user = 'Eve' WHERE number = 1")
    done = CliRunner().invoke(journal_command, ["anchor", str(desk.path), "--port", desk.board.start()])
    assert done.exit_code != 0
    assert desk.remembered() == told


def test_what_the_board_remembers_outlives_its_power(desk: Desk, pen: VirtualBoard) -> None:
    desk.decide(1)
    pen.kill()
    assert desk.remembered() == desk.head()


def test_what_a_board_missed_as_the_line_broke_off_it_is_told_when_it_is_back(tmp_path: Path) -> None:
    told: list[bytes] = []
    with Journal(write_journal(tmp_path / "journal")) as journal:
        anchor = Anchor(journal, told.append)
        anchor.begin()
        assert anchor.hear(NOTHING) == ""
        assert told == [journal.head]
        anchor.begin()
        assert anchor.hear(bytes([1]) * HEAD_BYTES) == MISSING
        anchor.record()
        assert told == [journal.head], "it keeps what is missing here"


def test_a_board_that_takes_another_s_place_is_asked_before_it_is_told(
    engine: Engine, rule: Rule, words: list[np.ndarray], keys: KeyStore, tmp_path: Path
) -> None:
    port, missing = tmp_path / "port", bytes([1]) * HEAD_BYTES
    first, second = (
        VirtualBoard(words[:1], baud_rate=None, memory=SelfProvisioned(keys, name), board=name, link=port)
        for name in ("first", "second")
    )
    with second:
        with Inquiry(str(port), keys=keys) as inquiry:
            inquiry.remember(missing)
        second.unplug()
        finals: list[Outcome] = []
        with (
            first,
            Journal(tmp_path / "journal.sqlite") as journal,
            open_link(str(port), keys=keys, idle_timeout_s=20.0) as link,
        ):
            for item in Gate(engine, rule, journal, anchor=Anchor(journal, link.remember)).run(link.events()):
                if isinstance(item, Notice) or not item.decision.final:
                    continue
                finals.append(item)
                if len(finals) == 2:
                    break
                first.unplug()
                second.start()
        assert decided(finals[:1])
        assert finals[1].board == "second"
        assert MISSING in finals[1].decision.reason
        with Inquiry(str(port), keys=keys) as inquiry:
            inquiry._until(lambda: inquiry._session.remembered is not None)
            assert inquiry._session.remembered == missing
