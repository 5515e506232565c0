import re
from typing import Any

import numpy as np
import pytest

from train.demo.outcome import Result
from train.demo.page import make_page
from train.demo.scenario import Attempt, Role
from train.synthetic.not_writing import Word

WORD = Word(np.zeros((4, 33, 33), np.uint8), ((None, None),) * 4)
ABOUT: dict[str, Any] = {
    "dataset": "<set>.npz",
    "kind": "pen",
    "users": 2,
    "digits": 4,
    "bundle_sha256": "ab" * 32,
    "enrolled": [{"writings": 5, "by": "board"}, {"writings": 5, "by": "board"}],
    "verify": {"passed": True, "values": 1234, "mismatches": 0, "words": 20},
}


def decided(verdict: str, user: str | None = None) -> dict[str, Any]:
    return {"decision": verdict, "user": user, "score": 12.5, "threshold": 8.25, "reason": "score & <threshold>"}


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> str:
    results = [
        Result(Attempt(Role.USER, "Ada", "Ada", WORD), decided("ACCEPT", "Ada")),
        Result(Attempt(Role.NOTHING, "taps", "", WORD), decided("REJECT")),
        Result(Attempt(Role.USER, "Ben", "Ben", WORD), decided("REJECT")),
        Result(Attempt(Role.KNOWS, "stranger 1", "Ben", WORD), decided("ACCEPT", "Ben")),
        *[Result(Attempt(Role.USER, f"<b>{number}", "", WORD), None) for number in range(60)],
    ]
    inputs = type("Manifest", (), {"inputs": {}})
    return make_page(ABOUT, inputs, results, pictures=True)  # type: ignore[arg-type]


def test_every_word_is_shown_with_picture_score_threshold_verdict_and_reason(page: str) -> None:
    assert page.count("<img alt=") == 64
    assert page.count("data:image/png;base64,") == 64
    for said in ("ACCEPT Ada", "12.50", "8.25", "score &amp; &lt;threshold&gt;", "stranger who knows the PIN of Ben"):
        assert said in page


def test_without_being_asked_for_nothing_of_what_people_wrote_is_in_the_page() -> None:
    result = Result(Attempt(Role.USER, "Ada", "Ada", WORD), decided("ACCEPT", "Ada"))
    inputs: Any = type("Manifest", (), {"inputs": {}})
    page = make_page(ABOUT, inputs, [result], pictures=False)
    assert "<img" not in page
    assert "data:image" not in page
    assert "4 symbols; shown with --pictures" in page


def test_false_decisions_stand_first(page: str) -> None:
    assert re.findall(r'<td class="(?:false|right)">([^<]+)<', page) == [
        "let in", *["no decision"] * 60, "refused", "kept out", "entered"
    ]  # fmt: skip


def test_it_loads_nothing_fits_a_phone_and_has_a_dark_side(page: str) -> None:
    assert '<meta name="viewport" content="width=device-width' in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<table>") == page.count('<div class="wide"><table>') >= 1
    assert "overflow-x: auto" in page
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|<script', page)


def test_names_are_text(page: str) -> None:
    assert "&lt;b&gt;7" in page
    assert "<b>7" not in page
    assert "&lt;set&gt;.npz" in page


def test_it_says_how_people_were_enrolled(page: str) -> None:
    assert "5 times each at the board" in page
    from_file = {**ABOUT, "enrolled": [{"writings": 4, "by": "file"}, {"writings": 5, "by": "file"}]}
    inputs = type("Manifest", (), {"inputs": {}})
    assert "4 to 5 times each from a file" in make_page(from_file, inputs, [], pictures=True)  # type: ignore[arg-type]
