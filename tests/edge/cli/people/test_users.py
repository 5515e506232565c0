"""The commands users and calibrate: who is enrolled, what is told of it, and that no PIN is ever shown."""

from pathlib import Path
from typing import Any

import pytest
from user_desk import WORDS, invoke, records, save, stored

from edge.bundle.bundle import Bundle
from edge.cli.people.users import users
from edge.errors import (
    EnrolmentError,
    PinError,
    PinExposedError,
    TooFewWordsError,
)
from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.symbols import code_of
from edge.roster.roster_file import roster_beside

pytestmark = pytest.mark.usefixtures("networks")


def test_a_user_is_enrolled_at_a_board_in_five_stages(bundle: Bundle, writes: Any, pin_file: Path) -> None:
    link = writes(*WORDS)
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--port", "p", "--pin-file", pin_file, "--json")
    assert result.exit_code == 0, result.output
    assert (link.options["port"], link.options["pixel_bits"], link.options["allow_unauthenticated"]) == ("p", 1, False)
    *stages, done = records(result)
    assert [(s["event"], s["stage"], s["of"]) for s in stages] == [("enroll-stage-passed", n, 5) for n in range(1, 6)]
    assert (done["event"], done["name"], done["fragments"], done["pin"]) == ("enroll-completed", "Ada", 20, True)
    (user,) = stored(bundle).users
    assert (user.name, user.pin, user.kind, user.board, user.writings) == ("Ada", "2580", "pen", "desk-pen", 5)
    assert user.symbols.tolist() == [2, 5, 8, 0] * 5
    assert "write your PIN, 5 times" in result.stderr
    assert "2580" not in result.output


def test_what_is_unfit_is_written_again(bundle: Bundle, writes: Any, pin_file: Path) -> None:
    writes("2580", "258", "2580", "1347", "2580", "2589", "2580")
    arguments = ["add", "Ada", "--bundle", bundle.path, "--port", "p", "--pin-file", pin_file]
    result = invoke(users, *arguments, "--json")
    assert result.exit_code == 0, result.output
    reasons = [r["reason"] for r in records(result) if r["event"] == "enroll-retry"]
    assert reasons == [
        "too few symbols: 3 of at least 4: again?",
        "unlike your other writings: again? (4 of 4 symbols are read as others than the PIN's)",
    ]
    assert all(reason in result.stderr for reason in reasons)
    assert len(stored(bundle).get("Ada")) == 20


def test_a_board_that_writes_too_little_stores_nothing(bundle: Bundle, writes: Any, pin_file: Path) -> None:
    link = writes(*WORDS[:4])
    arguments = ["add", "Ada", "--bundle", bundle.path, "--port", "p", "--pin-file", pin_file, "--idle-timeout", 3]
    result = invoke(users, *arguments)
    assert isinstance(result.exception, TooFewWordsError)
    assert (result.exception.exit_code, link.options["idle_timeout_s"]) == (3, 3.0)
    assert "4 of 5 writings" in str(result.exception)
    assert not roster_beside(bundle.path).exists()


def test_who_is_always_to_write_again_is_told_to_begin_again(bundle: Bundle, writes: Any, pin_file: Path) -> None:
    writes(*["1"] * 30)
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--port", "p", "--pin-file", pin_file, "--json")
    assert isinstance(result.exception, EnrolmentError)
    assert result.exception.exit_code == 1
    assert [r["event"] for r in records(result)] == ["enroll-retry"] * 11 + ["enroll-failed"]
    assert not roster_beside(bundle.path).exists()


def test_another_board_in_the_middle_ends_it(bundle: Bundle, board: Any, writes: Any, pin_file: Path) -> None:
    connected = board.connected()
    object.__setattr__(connected.info, "board", "other-pen")
    writes(*WORDS[:2], extra=[connected])
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--port", "p", "--pin-file", pin_file)
    assert isinstance(result.exception, EnrolmentError)
    assert "other-pen came where desk-pen was" in str(result.exception)


def test_without_a_pin_there_must_be_twenty_fragments(bundle: Bundle, writes: Any) -> None:
    writes("1234", "5678", "9012", "3456", "7890")
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--port", "p", "--writings", 3, "--json")
    assert result.exit_code == 0, result.output
    assert "12 of at least 20 fragments: write on" in result.stderr
    (user,) = stored(bundle).users
    assert (user.pin, len(user), user.writings) == (None, 20, 5)


def test_a_user_is_enrolled_from_a_file(bundle: Bundle, tmp_path: Path, pin_file: Path) -> None:
    source = save(tmp_path / "set.npz", ("Ben", ["13579"]), ("Ada", WORDS), kind=KINDS.index("camera"))
    arguments = ["--bundle", bundle.path, "--from", source, "--pin-file", pin_file, "--json"]
    result = invoke(users, "add", "Ada", *arguments)
    assert result.exit_code == 0, result.output
    (user,) = stored(bundle).users
    assert (user.pin, user.kind, user.board, user.writings, len(user)) == ("2580", "camera", None, 5, 20)
    other = invoke(users, "add", "A. Lovelace", "--writer", "Ada", *arguments)
    assert other.exit_code == 0, "the same PIN as another user's is taken without a word"
    assert [user.name for user in stored(bundle).users] == ["Ada", "A. Lovelace"]
    assert result.output.replace("Ada", "A. Lovelace")[:200] == other.output[:200]


def test_without_sessions_fragments_are_cut_into_words_of_the_pin(
    bundle: Bundle, tmp_path: Path, pin_file: Path
) -> None:
    source = save(tmp_path / "set.npz", ("Ada", WORDS), session=False, symbols=False)
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--from", source, "--pin-file", pin_file)
    assert result.exit_code == 0, result.output
    assert stored(bundle).get("Ada").writings == 5


def test_without_pin_and_sessions_all_fragments_are_one_writing(bundle: Bundle, tmp_path: Path) -> None:
    source = save(tmp_path / "set.npz", ("Ada", ["0123456789"] * 2), session=False, symbols=False)
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--from", source)
    assert result.exit_code == 0, result.output
    user = stored(bundle).get("Ada")
    assert (user.writings, user.symbols.tolist()) == (1, [*range(10)] * 2)


@pytest.mark.parametrize(
    ("words", "pin", "why"),
    [
        (["2580"] * 2, True, r"2 of 2 writings with 8 fragments can be used, needed are at least 3 with 12"),
        (["2580", "2580", "1347", "9361"], True, r"2 of 4 writings with 8 fragments"),
        (["01234", "56789"], False, r"2 of 2 writings with 10 fragments can be used, needed are at least 1 with 20"),
    ],
)
def test_too_little_in_a_file_is_refused_with_the_figures(
    bundle: Bundle, tmp_path: Path, pin_file: Path, words: list[str], pin: bool, why: str
) -> None:
    source = save(tmp_path / "set.npz", ("Ada", words))
    asked = ["--pin-file", pin_file] if pin else []
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--from", source, *asked)
    assert isinstance(result.exception, EnrolmentError)
    assert why in str(result.exception)
    assert result.exception.exit_code == 1
    assert not roster_beside(bundle.path).exists()


def test_what_the_reader_cannot_read_is_left_out_aloud(bundle: Bundle, tmp_path: Path) -> None:
    source = save(tmp_path / "set.npz", ("Ada", ["0123456789"] * 3))
    fragments = FragmentSet.load(source)
    symbol = fragments.symbol.copy()
    symbol[:2] = [code_of("x"), code_of("Y")]
    FragmentSet(fragments.pixels, fragments.writer, symbol, fragments.order, ("Ada",), session=fragments.session).save(
        source
    )
    result = invoke(users, "add", "Ada", "--bundle", bundle.path, "--from", source)
    assert result.exit_code == 0, result.output
    assert "2 fragments are of symbols that the reader does not read: left out" in result.stderr
    assert len(stored(bundle).get("Ada")) == 28


@pytest.mark.parametrize(
    ("text", "why"),
    [("258\n", "3 symbols"), ("2222\n", "PIN too plain"), ("25x0\n", "cannot read"), ("\n", "0 symbols")],
)
def test_a_pin_that_is_none_is_refused_and_not_shown(
    bundle: Bundle, tmp_path: Path, pin_file: Path, text: str, why: str
) -> None:
    pin_file.write_text(text)
    source = save(tmp_path / "set.npz", ("Ada", WORDS))
    arguments = ["add", "Ada", "--bundle", bundle.path, "--from", source, "--pin-file"]
    shorter = invoke(users, *arguments, pin_file, "--min", 1)  # no gate accepts a word of fewer than 4 symbols
    for result in (invoke(users, *arguments, pin_file), shorter, invoke(users, *arguments, "-", stdin=text)):
        assert isinstance(result.exception, PinError)
        assert why in str(result.exception)
        assert text.strip() not in str(result.exception) or not text.strip()


def test_a_pin_comes_from_stdin_and_a_file_that_others_may_read_is_refused(
    bundle: Bundle, tmp_path: Path, pin_file: Path
) -> None:
    source = save(tmp_path / "set.npz", ("Ada", WORDS))
    arguments = ["add", "Ada", "--bundle", bundle.path, "--from", source]
    pin_file.chmod(0o644)
    exposed = invoke(users, *arguments, "--pin-file", pin_file)
    assert isinstance(exposed.exception, PinExposedError)
    assert exposed.exception.exit_code == 4
    missing = invoke(users, *arguments, "--pin-file", tmp_path / "none")
    assert isinstance(missing.exception, PinError)
    assert "No such file" in str(missing.exception)
    unasked = invoke(users, *arguments, "--pin", stdin="2580\n2580\n")
    assert isinstance(unasked.exception, PinError)
    assert "no terminal" in str(unasked.exception)
    assert invoke(users, *arguments, "--pin-file", "-", stdin="2580\n").exit_code == 0
    assert stored(bundle).get("Ada").pin == "2580"
