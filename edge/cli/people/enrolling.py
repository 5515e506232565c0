"""Words of a board or a file -> what a person is enrolled from; each stage is told as it comes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from edge.cli.output import emit
from edge.cli.people.roster import Networks
from edge.decision.enrolment import Enrolment
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import model_for
from edge.errors import EnrolmentError, TooFewWordsError
from edge.gate.capture import CapturedWord, whole_words
from edge.ink.fragment import Pixels, to_int8
from edge.ink.fragment_set import FragmentSet
from edge.roster.enrolling import Answer, Enrolling, Plan, Stage
from edge.roster.words import handwriting_of
from edge.roster.writing import Network, Writing, recognise
from firmware_bridge.cli.options import say
from firmware_bridge.session.events import Connected, Event


@dataclass(frozen=True)
class Teller:
    """Tells people on stderr, and machines on stdout if they asked for it, what became of each writing.

    who: begins every line, such as "visitor 3: ".
    """

    console: Console
    as_json: bool
    who: str = ""

    def say(self, text: str) -> None:
        """Print a line for people."""
        say(self.console, f"{self.who}{text}")

    def answer(self, answer: Answer, after: Enrolling, symbols: int) -> None:
        """Tell what became of a writing of so many symbols."""
        plan, passed = after.plan, answer.stage is Stage.PASSED
        if self.as_json:
            told = {"stage": answer.writings, "of": plan.writings, "fragments": answer.fragments}
            emit({"event": answer.stage.value, **told, "reason": answer.reason})
        if not passed:
            self.say(answer.reason)
            return
        lacking = answer.writings >= plan.writings and not after.done
        more = f"; {answer.fragments} of at least {plan.min_fragments} fragments: write on" if lacking else ""
        self.say(f"writing {answer.writings} of {max(plan.writings, answer.writings)}: {symbols} symbols{more}")


def follow(enrolling: Enrolling, writings: Iterable[Writing], teller: Teller) -> Enrolling:
    """Offer writings until there are as many as planned or no more come; return the state after the last.

    EnrolmentError when more of them had to be repeated than the plan allows.
    """
    for writing in writings:
        enrolling, answer = enrolling.offer(writing)
        teller.answer(answer, enrolling, len(writing))
        if enrolling.failed:
            if teller.as_json:
                emit({"event": Stage.FAILED.value})
            raise EnrolmentError(f"{enrolling.retried} writings were to be repeated; nothing was stored: begin again")
        if enrolling.done:
            break
    return enrolling


@dataclass
class Desk:
    """A board at which somebody writes: its name and kind of input, "" until it has answered."""

    events: Iterable[Event]
    networks: Networks
    teller: Teller
    board: str = ""
    kind: str = ""

    def writings(self) -> Iterator[Writing]:
        """Yield every whole word; tell notices. EnrolmentError if another board takes the place of the first."""
        for item in whole_words(self._watched()):
            if isinstance(item, CapturedWord):
                self.kind = item.kind
                yield recognise(item.pixels, self.networks.engine, self.networks.reader)
            else:
                self.teller.say(item.text)

    def material(self, enrolling: Enrolling) -> dict[str, Any]:
        """Return the fields of a Material. TooFewWordsError if the board wrote too little."""
        if not enrolling.done:
            raise TooFewWordsError(
                f"{len(enrolling.taken)} of {enrolling.plan.writings} writings came, and no more; nothing was stored"
            )
        return {"kind": self.kind, "board": self.board, **enrolling.arrays()}

    def _watched(self) -> Iterator[Event]:
        for event in self.events:
            if isinstance(event, Connected):
                if self.board not in ("", event.info.board):
                    raise EnrolmentError(f"board {event.info.board} came where {self.board} was: begin again")
                self.board = event.info.board
            yield event


def enrol_from_file(
    plan: Plan, fragments: FragmentSet, writer: int, writings: int | None, networks: Networks, teller: Teller
) -> tuple[str, Enrolling]:
    """Return the kind of input and what was taken of a writer's fragments in a set.

    writings: how many of his words to take; None: all that are fit, at least the plan's `least_writings`.

    EnrolmentError, with the figures, if they are too few.
    """
    length = None if plan.pin is None else len(plan.pin)
    handwriting = handwriting_of(fragments, writer, networks.reader.alphabet, length)
    words = handwriting.words
    if handwriting.left_out:
        teller.say(f"{handwriting.left_out} fragments are of symbols that the reader does not read: left out")
    asked = replace(plan, writings=writings or len(words), retries=len(words))
    read = (recognise(word.pixels, networks.engine, networks.reader, word.symbols) for word in words)
    enrolling = follow(Enrolling(asked), read, teller)
    if not (enrolling.done if writings else enrolling.enough):
        raise EnrolmentError(
            f"{len(enrolling.taken)} of {len(words)} writings with {enrolling.fragments} fragments can be used, needed "
            f"are at least {writings or asked.least_writings} with {asked.min_fragments}; `inkgate capture` adds more"
        )
    return handwriting.kind, enrolling


def find_output(evidence: EvidenceModel, user: Enrolment, pixels: Pixels, network: Network) -> str | None:
    """Return the user's name if the network has an output of that name and it recognises his writing.

    A name alone proves nothing: an output would let in whom it was trained for, whoever was enrolled under his name.

    pixels: uint8 [n, 33, 33], what he is enrolled from; the first symbols are judged as one word. EvidenceError if
    there is no model for his kind of input.
    """
    fusion = evidence.inputs[model_for(evidence, user.kind, [user])].fusion
    if fusion is None or user.name not in fusion.users:
        return None
    logits = network.run_words(to_int8(pixels[:MAX_SYMBOLS])[None]).logits[0]
    return user.name if fusion.recognises(user.name, logits) else None
