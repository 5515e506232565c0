"""`inkgate run --early` at a board on a real line: accepted before the word's end, once, also after a kill."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from gate_site import USERS, Site, records

from edge.bundle.places import MANIFEST, SHIPPED
from edge.errors import NoUsersError
from edge.ink.symbols import DIGITS
from inkgate import cli
from train.demo.hands import InventedHands

pytestmark = [
    pytest.mark.slow("enrols six users, and runs a gate three times"),
    pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle"),
]


@pytest.mark.parametrize("claim", [[], ["--claim", "Ada"]], ids=["nobody named", "name claimed"])
def test_where_whoever_may_enter_has_a_pin_nobody_can_be_let_in_early(tmp_path: Path, claim: list[str]) -> None:
    site = Site(tmp_path, users=1 if claim else 0)
    hands = InventedHands(DIGITS, 1)
    site.enrol("Ada", [hands.write(9, "2580").fragments for _ in range(5)], "2580", pin=True)
    command = ["run", "--port", "nowhere", "--bundle", site.bundle, "--early", *claim]
    refused = CliRunner().invoke(cli, [*map(str, command), "--journal", str(site.journal)])
    assert isinstance(refused.exception, NoUsersError)
    assert refused.exception.exit_code == 2
    assert f"{'Ada' if claim else 'everybody'} has one" in str(refused.exception)
    assert not site.journal.exists()


def test_words_are_accepted_before_their_end_and_journalled_once_though_the_gate_is_killed(site: Site) -> None:
    with site.board() as board:
        first = site.run("--early")
        told = []
        for record in records(first):
            told.append(record)
            if record["decision"] == "ACCEPT" and record["symbols"] < site.length(record["word"]):
                first.kill()
                break
        first.wait()
        early = told[-1]
        assert (early["decision"], early["final"], early["authenticated"]) == ("ACCEPT", True, True)
        assert early["user"] == f"user {early['word'] - 1}"
        assert "before the end of the word" in early["reason"]
        before = site.finals()
        assert before[-1] == (early["word"], "ACCEPT", early["symbols"])

        left = USERS - len(before)
        second = site.run("--early", "--words", left)
        after = list(records(second))
        assert second.wait() == 0
        assert [record["word"] for record in after if record["final"]] == list(range(early["word"] + 1, USERS + 1))
        assert all(record["word"] > early["word"] for record in after)

        third = site.run("--early", "--idle-timeout", 2)
        assert list(records(third)) == []
        assert third.wait() == 0
        assert board.wait(5.0)
    finals = site.finals()
    assert [word for word, _, _ in finals] == list(range(1, USERS + 1))
    assert sum(verdict == "ACCEPT" and symbols < site.length(word) for word, verdict, symbols in finals) >= 2
    for record in after:
        assert record["decision"] != "ACCEPT" or record["user"] == f"user {record['word'] - 1}"
        assert record["decision"] in ("LEANING", "ACCEPT", "REJECT")
