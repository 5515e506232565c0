"""Events of a board -> decisions, each recorded before anyone hears of it: the loop of the edge.

Read this module first.

    source (firmware_bridge.link) -> engine (the network) -> decision (pure) -> journal -> whoever iterates over `run`

A word is opened by WordStarted, grows by one FragmentReceived at a time, each followed by a running decision, and is
closed by exactly one final decision: at WordEnded, or UNAVAILABLE at the first thing that goes wrong with it, or, where
the policy lets users in early, ACCEPT at the fragment after which the evidence is enough. Each fragment was proved by
itself before it comes here (its tag covers pixels, place and times), so an early ACCEPT rests on nothing that only the
end of the word would show. What still arrives of a closed word is ignored, also that it was damaged. The next word
starts from a cleared state and depends on no earlier word.

The link acknowledges a frame when its next event is asked for, and `run` asks only after the decision was recorded and
consumed: what the board may forget has been decided for good.

An interpreter that was right when the gate started may be wrong later: before an ACCEPT is handed on, and at the first
word after PROVEN_FOR_S, the networks compute their golden vectors again (`prove`). If one bit differs the word is
UNAVAILABLE, and so is every word after it until they are right again.
"""

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TypeAlias

import numpy as np

from edge.decision.identify import Identities
from edge.decision.rule import Decision, Verdict, unavailable
from edge.errors import AttemptsError, LockedError, UnrecordedError
from edge.gate.anchor import Anchor
from edge.gate.freshness import since, why_not_fresh
from edge.gate.judging import FaultError, Rule, Seen, as_trained, judge_word
from edge.gate.parts import Limiter, Network, Recorder
from edge.ink.fragment import to_int8
from edge.journal.row import Entry
from firmware_bridge.clock import elapsed_s
from firmware_bridge.session.events import (
    BoardFault,
    BoardInfo,
    Connected,
    Event,
    FragmentReceived,
    LinkLost,
    LinkNotice,
    Statistics,
    WordEnded,
    WordStarted,
)
from firmware_bridge.wire.pixels import depth

PROVEN_FOR_S = 60.0
"""After so many seconds the networks are proved again before a word is begun."""
WORD_TIMEOUT_S = 10.0
"""A word whose next fragment does not come for this many seconds is given up."""


@dataclass(frozen=True)
class Outcome:
    """A decision about one word of one board.

    time: ISO 8601, UTC. latency_ms: from the event's arrival to the decision. authenticated: whether it is certain that
    the board wrote the word.
    """

    time: str
    board: str
    session: int
    word: int
    decision: Decision
    latency_ms: float
    authenticated: bool = False


@dataclass(frozen=True)
class Notice:
    """A message for the person at the gate that is not a decision."""

    text: str


def link_lost(reason: str) -> Notice:
    """Return the notice that the board is gone, what is waited for, and how to stop that."""
    return Notice(f"link lost: {reason}; waiting for the board to come back, Ctrl-C ends")


WordKey: TypeAlias = tuple[str, int, int]
WordEvent: TypeAlias = WordStarted | FragmentReceived | WordEnded


@dataclass
class _Word:
    """The word that is open: board, session and number, since when, its fragments, who may enter by it."""

    key: WordKey
    began_s: float = -math.inf
    seen: list[Seen] = field(default_factory=list)
    identities: Identities | None = None


def utc_now() -> str:
    """Return the time of day as the journal keeps it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def refuse(reason: str, bundle: str, journal: Recorder | None = None, now: Callable[[], str] = utc_now) -> Outcome:
    """Return the one outcome of a gate that must not decide anything, and record it in the journal.

    It is UNAVAILABLE, of no board and no word; its session is the time in ms, so that each refusal has a row of its
    own. If the journal fails, the reason says so.
    """
    time_of_day = now()
    session = round(datetime.fromisoformat(time_of_day).timestamp() * 1000)
    outcome = Outcome(time_of_day, "", session, 0, unavailable(reason, 0), 0.0, False)
    if journal is not None:
        try:
            journal.record(_entry(outcome, bundle))
        except Exception as error:
            return replace(outcome, decision=unavailable(f"{reason}; and the journal fails: {error}", 0))
    return outcome


class Gate:
    """The loop over one link. Feed it with `run`; it never accepts a word with which anything went wrong.

    prove: lets the networks compute their golden vectors, and raises if they are not as verified. remember: keeps
    board, session and word of an ACCEPT elsewhere than in the journal, so that no restart without that accepts the word
    again. only: the name of the one board that may write.
    """

    def __init__(
        self,
        network: Network,
        rule: Rule,
        journal: Recorder | None = None,
        attempts: Limiter | None = None,
        anchor: Anchor | None = None,
        *,
        prove: Callable[[], None] | None = None,
        remember: Callable[[str, int, int], None] | None = None,
        only: str | None = None,
        word_timeout_s: float = WORD_TIMEOUT_S,
        now: Callable[[], str] = utc_now,
        monotonic_s: Callable[[], float] = elapsed_s,
    ) -> None:
        self._network, self._rule, self._journal, self._attempts = network, rule, journal, attempts
        self._word_timeout_s, self._now, self._monotonic_s = word_timeout_s, now, monotonic_s
        self._anchor = anchor or Anchor()
        self._prove, self._remember, self._only = prove, remember, only
        self._board: BoardInfo | None = None
        self._word: _Word | None = None
        self._counted: WordKey | None = None
        self._altered = ""
        self._closed: dict[WordKey, None] = {}
        self._heard_s = self._arrived_s = self._proved_s = monotonic_s()

    def run(self, events: Iterable[Event]) -> Generator[Outcome | Notice, None, None]:
        """Yield every decision, running and final, and every notice, as the events come.

        Ends when the events end, and raises what they raise. A connected link says something at least every few
        seconds, so a word that stops growing is noticed. However `run` ends (also by closing the iterator), a word that
        is open is closed as UNAVAILABLE; but with UnrecordedError, if a decision can be written nowhere: then its word
        may come again, with the events of another connection.
        """
        try:
            for event in events:
                yield from self._on(event)
            yield from self._fail("the source ended in the middle of the word")
        except UnrecordedError:
            self._word = None  # It is not decided, and may come again.
            raise
        except GeneratorExit:
            with contextlib.suppress(UnrecordedError):
                list(self._fail("stopped in the middle of the word"))  # Nobody listens any more, but it is recorded.
            raise
        except BaseException as error:
            with contextlib.suppress(UnrecordedError):
                yield from self._fail(f"the source failed: {str(error) or type(error).__name__}")
            raise

    def _on(self, event: Event) -> Iterator[Outcome | Notice]:
        self._arrived_s = self._monotonic_s()
        if self._word and self._arrived_s - self._heard_s > self._word_timeout_s:
            yield from self._fail(f"nothing came for {self._word_timeout_s:g} s{self._altered}")
        match event:
            case FragmentReceived() | WordEnded() | WordStarted():
                self._heard_s = self._arrived_s
                yield from self._on_word(event)
            case Connected(info=info):
                yield from self._fail("the board connected anew in the middle of the word")
                self._altered = ""
                self._board = info
                self._anchor.begin()
                yield Notice(f"board {info.board}, firmware {info.firmware}, {depth(info.pixel_bits)}")
                if not info.authenticated:
                    yield Notice(f"board {info.board} has no key: anybody on the line can write in its place")
            case LinkLost(reason=reason):
                yield from self._fail(f"link lost: {reason}")
                yield link_lost(reason)
            case LinkNotice(text=text, altered=altered):
                self._altered = f": {text}" if altered else self._altered
                yield Notice(text)
            case BoardFault(code=code, text=text):
                yield from self._fail(f"the board reports {code}: {text}")
                yield Notice(f"the board reports {code}: {text}")
            case Statistics(head=head):  # the board's heartbeat: the time that has passed was checked above
                if problem := self._anchor.hear(head):
                    yield Notice(problem)

    def _on_word(self, event: WordEvent) -> Iterator[Outcome | Notice]:
        key = (self._board.board if self._board else "", event.session, event.word)
        if isinstance(event, WordStarted):
            yield from self._open(key, since(event.age_s, self._arrived_s))
        elif key in self._closed:
            yield from self._fail("the rest of another word came in between")
        elif self._word is None or self._word.key != key:
            yield from self._open(key, self._arrived_s)
            yield from self._fail("the start of the word was not received")
        elif isinstance(event, FragmentReceived):
            yield self._decided(lambda word: self._after_fragment(word, event))
        else:
            yield self._decided(lambda word: self._at_end(word, event))

    def _open(self, key: WordKey, began_s: float) -> Iterator[Outcome | Notice]:
        """Begin the word on a cleared network, or say that it was decided before."""
        yield from self._fail("another word began before this one ended")
        self._word = word = _Word(key, began_s)
        try:
            if key in self._closed or (self._journal is not None and self._journal.decided(*key)):
                self._close(word)
                yield Notice(f"word {key[2]} of session {key[1]} came again: it is decided and stays so")
                return
            self._check_board(key)
            self._require_fresh(began_s)
            if self._arrived_s - self._proved_s > PROVEN_FOR_S:
                self._prove_networks()
            self._network.reset()
            if self._rule.may_enter is not None:
                word.identities = self._rule.may_enter.identities()
        except Exception as error:
            yield from self._fail(str(error))

    def _check_board(self, key: WordKey) -> None:
        if self._board is None:
            raise FaultError("a word from a board that did not say who it is")
        if self._only not in (None, self._board.board):
            raise FaultError(f"board {self._board.board} writes, and only {self._only} may")
        if self._board.session != key[1]:
            raise FaultError(f"a word of session {key[1]} in session {self._board.session}")
        if self._board.pixel_bits != self._rule.pixel_bits:
            raise FaultError(
                f"the board sends {depth(self._board.pixel_bits)}, the bundle was trained on {self._rule.pixel_bits}"
            )

    def _after_fragment(self, word: _Word, event: FragmentReceived) -> Decision:
        if event.index != len(word.seen):
            raise FaultError(f"fragment {event.index} came where {len(word.seen)} was due")
        if self._attempts is not None and not word.seen and self._counted != word.key:
            try:
                self._attempts.begin(word.key[0])
                self._counted = word.key
            except LockedError as error:
                return Decision(Verdict.REJECT, None, None, 0, True, str(error))
        pixels = as_trained(event.pixels, self._rule.pixel_bits)
        fragment = to_int8(pixels)
        outputs = self._network.step(fragment)
        reader = self._rule.may_enter.reader if self._rule.may_enter else None
        reading = reader.read(fragment[np.newaxis])[0] if reader else None
        word.seen.append(Seen(pixels, outputs, reading, event.duration_ms))
        return self._judge(word, word.began_s, final=False)

    def _at_end(self, word: _Word, event: WordEnded) -> Decision:
        if event.count != len(word.seen):
            raise FaultError(f"the word has {event.count} fragments and {len(word.seen)} came")
        if not word.seen:
            raise FaultError("the word is empty")
        return self._judge(word, since(event.age_s, self._arrived_s), final=True)

    def _judge(self, word: _Word, since_s: float, *, final: bool) -> Decision:
        """Judge a word that ended at `since_s`; one that goes on, and began then, is let in only while fresh."""
        kind = self._board.kind.name.lower() if self._board is not None else None
        decision = judge_word(self._rule, word.identities, word.seen, final=final, kind=kind)
        if decision.verdict is Verdict.ACCEPT:
            self._prove_networks()
        if final:
            self._require_fresh(since_s)
        elif decision.verdict is Verdict.ACCEPT and why_not_fresh(since_s, self._monotonic_s()):
            decision = replace(decision, verdict=Verdict.LEANING, final=False)
        if self._attempts is not None and decision.verdict is Verdict.ACCEPT:
            self._attempts.accept(word.key[0])
        elif self._attempts is not None and decision.final and not decision.writing:
            self._attempts.set_apart(word.key[0])
        return decision

    def _require_fresh(self, since_s: float) -> None:
        if problem := why_not_fresh(since_s, self._monotonic_s()) or self._anchor.problem:
            raise FaultError(problem)

    def _prove_networks(self) -> None:
        """Raise what `prove` raises; then the next word is proved first."""
        if self._prove is None:
            return
        self._proved_s = -math.inf
        self._prove()
        self._proved_s = self._monotonic_s()

    def _fail(self, reason: str) -> Iterator[Outcome]:
        """Close the open word, if there is one, as UNAVAILABLE."""
        if self._word is not None:
            yield self._decided(lambda word: unavailable(reason, len(word.seen)))

    def _decided(self, judge: Callable[[_Word], Decision]) -> Outcome:
        """Judge the open word and record the outcome.

        Whatever fails in either of them makes the outcome UNAVAILABLE, and that closes the word.
        """
        word = self._word
        assert word is not None
        try:
            decision = judge(word)
            if decision.verdict is Verdict.UNAVAILABLE:
                decision = replace(decision, final=True)
        except AttemptsError as error:
            raise UnrecordedError(str(error)) from error
        except Exception as error:
            decision = unavailable(str(error) or type(error).__name__, len(word.seen))
        outcome = self._journalled(self._outcome(word, decision))
        if outcome.decision.final:
            self._close(word)
            self._anchor.record()
        return outcome

    def _outcome(self, word: _Word, decision: Decision) -> Outcome:
        latency_ms = (self._monotonic_s() - self._arrived_s) * 1e3
        if self._rule.unverified:
            decision = replace(decision, reason=f"{decision.reason} (unverified: {self._rule.unverified})")
        if self._rule.uncounted:
            decision = replace(decision, reason=f"{decision.reason} (attempts are not counted)")
        if self._rule.unsigned:
            decision = replace(decision, reason=f"{decision.reason} (unsigned: nobody answers for the bundle)")
        authenticated = self._board is not None and self._board.authenticated
        if not authenticated:
            decision = replace(decision, reason=f"{decision.reason} (unauthenticated: the board has no key)")
        return Outcome(self._now(), *word.key, decision, latency_ms, authenticated)

    def _journalled(self, outcome: Outcome) -> Outcome:
        """Return the outcome once it is recorded; if it contradicts the journal, UNAVAILABLE in its place.

        UnrecordedError if neither can be recorded.
        """
        if self._remember is not None and outcome.decision.verdict is Verdict.ACCEPT:
            try:
                self._remember(outcome.board, outcome.session, outcome.word)
            except Exception as error:
                raise UnrecordedError(str(error) or type(error).__name__) from error
        if self._journal is None:
            return outcome
        try:
            self._journal.record(_entry(outcome, self._rule.bundle))
        except UnrecordedError:
            raise
        except Exception as error:
            failed = replace(outcome, decision=unavailable(f"journal: {error}", outcome.decision.symbols))
            try:
                self._journal.record(_entry(failed, self._rule.bundle))
            except Exception as again:
                raise UnrecordedError(str(again) or type(again).__name__) from again
            return failed
        return outcome

    def _close(self, word: _Word) -> None:
        self._word = None
        self._closed[word.key] = None
        if len(self._closed) > _REMEMBERED:
            self._closed.pop(next(iter(self._closed)))


_REMEMBERED = 65_536
"""The number of closed words that are kept in memory; a journal keeps all."""


def _entry(outcome: Outcome, bundle: str) -> Entry:
    decision = outcome.decision
    return Entry(
        time=outcome.time,
        board=outcome.board,
        session=outcome.session,
        word=outcome.word,
        symbols=decision.symbols,
        decision=decision.verdict.name,
        user=decision.user,
        score=decision.score,
        final=decision.final,
        reason=decision.reason,
        latency_ms=outcome.latency_ms,
        bundle=bundle,
    )
