"""The claims of edge.gate.display."""

import io

import pytest
from rich.console import Console

from edge.decision.rule import Decision, Verdict, unavailable
from edge.gate.display import Display
from edge.gate.loop import Notice, Outcome


def say(decision: Decision, word: int = 3) -> Outcome:
    return Outcome("2026-01-01T00:00:00Z", "pen", 7, word, decision, 1.25)


WORD = [
    say(Decision(Verdict.LEANING, None, -1.0, 1, False, "a long reason that is no longer true")),
    say(Decision(Verdict.LEANING, None, -1.9, 2, False, "low")),
    say(Decision(Verdict.LEANING, "Ada", -0.5, 3, False, "high")),
    say(Decision(Verdict.ACCEPT, "Ada", -0.5, 3, True, "high")),
]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_word_is_one_line_with_its_evidence_fragment_by_fragment(terminal: bool) -> None:
    stream = io.StringIO()
    display = Display(Console(file=stream, force_terminal=terminal, color_system=None, width=100))
    for outcome in WORD:
        display.outcome(outcome)
    display.outcome(say(unavailable("link lost", 0), word=4))
    text = stream.getvalue()
    assert text.count("\n") == 2
    assert "word 3    ··+  3 symbols  ACCEPT Ada  score -0.500  1.2 ms  high" in text
    assert "word 4      0 symbols  UNAVAILABLE  1.2 ms  link lost" in text
    assert ("\r" in text) == terminal
    assert ("\x1b[2K" in text) == terminal
    assert ("a long reason" in text) == terminal
    assert text.count("leaning: Ada") == terminal


def test_what_a_board_says_is_text_and_never_markup() -> None:
    stream = io.StringIO()
    Display(Console(file=stream, width=100)).notice(Notice("board [red]x[/red]"))
    assert stream.getvalue() == "board [red]x[/red]\n"


def test_a_command_in_a_notice_is_not_broken_at_the_consoles_width() -> None:
    stream, text = io.StringIO(), "the line turns LF into CR LF: set it to raw (`stty -F /dev/ttyUSB0 raw -onlcr`)"
    Display(Console(file=stream, width=60)).notice(Notice(text))
    assert stream.getvalue() == f"{text}\n"
