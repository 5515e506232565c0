"""Virtual board, pty, real link, loop and journal: every word is decided once and rightly."""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.engine import Engine
from edge.decision.rule import Decision, Verdict
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Outcome
from edge.journal.journal import Journal
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.link import open_link
from firmware_bridge.link.transport import SerialTransport
from firmware_bridge.session.errors import NoAnswerError
from firmware_bridge.trust.board_keys import KeyStore

IDLE_S = 3.0
"""A line with 5 % of its frames spoilt is never silent for this long: frames repeat after 0.15 to 1.2 s."""


def provisioned() -> SelfProvisioned:
    return SelfProvisioned(KeyStore(), "virtual-pen")


def test_over_a_line_that_spoils_5_percent_of_its_frames_every_word_is_decided_once_and_rightly(
    engine: Engine,
    rule: Rule,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    tmp_path: Path,
) -> None:
    many = words * 2
    with (
        VirtualBoard(many, baud_rate=None, corrupt=0.05, seed=3, memory=provisioned()) as board,
        open_link(board.path or "", idle_timeout_s=IDLE_S) as link,
        Journal(tmp_path / "journal.db") as journal,
    ):
        finals: list[Outcome] = []
        for item in Gate(engine, rule, journal).run(link.events()):
            if isinstance(item, Outcome) and item.decision.final:
                finals.append(item)
        assert board.wait(1.0)
        counted = board.statistics()
        assert counted is not None
        assert counted.frames_repeated > 0
        assert [o.word for o in finals] == list(range(1, len(many) + 1))
        assert [o.decision for o in finals] == [oracle(word) for word in many]
        assert journal.verify().fault is None
        assert [e.word for _, e, _ in journal.rows() if e.final] == [o.word for o in finals]


@pytest.mark.parametrize("accident", ["kill", "unplug"])
def test_a_board_lost_in_mid_word_makes_it_unavailable_and_the_words_after_it_are_decided_rightly(
    engine: Engine,
    rule: Rule,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    tmp_path: Path,
    accident: str,
) -> None:
    three = [np.concatenate([words[0]] * 4), words[1], words[2]]  # The first takes 0.4 s of line and is cut within.
    outcomes: list[Outcome] = []
    with (
        VirtualBoard(three, link=tmp_path / "pen", memory=provisioned()) as board,
        open_link(str(tmp_path / "pen"), idle_timeout_s=IDLE_S) as link,
    ):
        for item in Gate(engine, rule).run(link.events()):
            if not isinstance(item, Outcome):
                continue
            outcomes.append(item)
            if len(outcomes) == 3:
                getattr(board, accident)()
                board.start()
        assert board.pending == 0
    finals = [o for o in outcomes if o.decision.final]
    assert [o.decision.verdict for o in outcomes if not o.decision.final][:3] != []
    assert finals[0].decision.verdict is Verdict.UNAVAILABLE
    assert "link lost" in finals[0].decision.reason
    assert [o.decision for o in finals[1:]] == [oracle(word) for word in three[1:]]
    sessions = {o.session for o in finals}
    assert len(sessions) == (2 if accident == "kill" else 1)


def test_a_recording_of_an_accepted_word_played_to_the_gate_again_decides_nothing(
    engine: Engine,
    rule: Rule,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accepted = next(word for word in words if oracle(word).verdict is Verdict.ACCEPT)
    recorded: list[bytes] = []
    original = SerialTransport.read

    def read(transport: SerialTransport, timeout_s: float) -> bytes:
        recorded.append(original(transport, timeout_s))
        return recorded[-1]

    with monkeypatch.context() as patch:
        patch.setattr(SerialTransport, "read", read)
        board = VirtualBoard([accepted], baud_rate=None, memory=provisioned())
        with board, open_link(board.path or "", idle_timeout_s=0.5) as link:
            outcomes = [item for item in Gate(engine, rule).run(link.events()) if isinstance(item, Outcome)]
    assert outcomes[-1].decision.verdict is Verdict.ACCEPT
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.6)
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()
    player = threading.Thread(target=play, args=(master, b"".join(recorded), stop))
    player.start()
    try:
        with open_link(os.ttyname(slave)) as link, pytest.raises(NoAnswerError):
            assert list(Gate(engine, rule).run(link.events())) == []
        assert link.counters.refused > 0
    finally:
        stop.set()
        player.join()
        os.close(master)
        os.close(slave)


def play(master: int, recording: bytes, stop: threading.Event) -> None:
    """Answer every message with the whole recording."""
    while not stop.is_set():
        if select.select([master], [], [], 0.05)[0]:
            os.read(master, 4096)
            os.write(master, recording)
