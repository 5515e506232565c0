"""`inkgate run` at a board that was written on while nobody listened: what is old is not decided, what is new is."""

import time

import pytest
from gate_site import USERS, Site, records

from edge.bundle.places import MANIFEST, SHIPPED
from edge.gate.freshness import WORD_AGE_S
from firmware_bridge.emulate.virtual_board import OUTBOX_WORDS

pytestmark = [
    pytest.mark.slow("enrols six users, and waits until words are old"),
    pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle"),
]


def test_words_written_while_no_host_listened_are_unavailable_and_the_next_ones_are_decided(site: Site) -> None:
    with site.board(waits=False) as board:
        time.sleep(WORD_AGE_S + 0.5)
        gate = site.run("--words", USERS)
        told = [record for record in records(gate) if record["final"]]
        assert gate.wait() == 0
        assert board.wait(5.0), "what is not decided is acknowledged all the same"
    old, new = told[:OUTBOX_WORDS], told[OUTBOX_WORDS:]
    assert [record["word"] for record in told] == list(range(1, USERS + 1))
    assert [word for word, _, _ in site.finals()] == list(range(1, USERS + 1)), "and journalled"
    for record in old:
        assert (record["decision"], record["symbols"]) == ("UNAVAILABLE", 0)
        assert "only what is written now is decided" in record["reason"]
    assert {record["decision"] for record in new} <= {"ACCEPT", "REJECT"}
    assert sum(record["decision"] == "ACCEPT" for record in new) >= 2
