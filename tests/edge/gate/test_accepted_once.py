"""A word that was accepted is never accepted again, though its acknowledgement was lost and the journal is gone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_gate import Board

from edge.bundle.engine import Engine
from edge.cli.run import _delivered
from edge.decision.rule import Decision, Verdict
from edge.errors import UnrecordedError
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Outcome
from edge.journal.journal import Journal
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.link import open_link
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.trust.errors import KeyStoreError

BOARD = "virtual-pen"


def test_after_each_of_three_restarts_with_no_journal_left_the_word_stays_accepted_once(
    engine: Engine,
    rule: Rule,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    tmp_path: Path,
) -> None:
    word = next(word for word in words if oracle(word).verdict is Verdict.ACCEPT)
    keys, accepted = KeyStore(), []
    with VirtualBoard([word], baud_rate=None, memory=SelfProvisioned(keys, BOARD)) as board:
        for restart in range(4):
            with (
                Journal(tmp_path / f"{restart}.db") as journal,
                open_link(board.start(), idle_timeout_s=1.0, keys=keys, delivered=_delivered(journal, keys)) as link,
            ):
                for item in Gate(engine, rule, journal, remember=keys.accept).run(link.events()):
                    if isinstance(item, Outcome) and item.decision.verdict is Verdict.ACCEPT:
                        accepted.append(item.word)
                        link.close()  # before the board is told
                        break
            if restart == 0:
                assert board.pending == 1
        assert board.wait(1.0)
    assert accepted == [1]


def test_an_acceptance_that_cannot_be_kept_is_none(
    engine: Engine, rule: Rule, words: list[np.ndarray], oracle: Callable[[np.ndarray], Decision], board: Board
) -> None:
    def full(*_: object) -> None:
        raise KeyStoreError("no space")

    word = next(word for word in words if oracle(word).verdict is Verdict.ACCEPT)
    found: list[Outcome] = []
    gate = Gate(engine, rule, remember=full)
    with pytest.raises(UnrecordedError, match="no space"):
        found.extend(item for item in gate.run(board.writes([word])) if isinstance(item, Outcome))
    assert all(not outcome.decision.final for outcome in found)


def test_words_of_an_earlier_session_are_no_measure_for_a_later_one(tmp_path: Path) -> None:
    keys = KeyStore()
    session = keys.start_board(BOARD).session
    keys.accept(BOARD, session, 7)
    keys.accept(BOARD, session, 3)
    keys.accept(BOARD, session - 1, 9)
    keys.accept("unknown", 1, 1)
    with Journal(tmp_path / "journal.db") as journal:
        assert _delivered(journal, keys) == {BOARD: (session, 7)}
    keys.note(BOARD, session + 1)
    assert keys.accepted() == {}
