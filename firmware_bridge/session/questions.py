"""A host's questions about a board's network <-> the board's answers, each carried out once; sans-IO.

Stop and wait: a question has a number, one above the last one's, and is repeated until an answer with that number
comes. The board carries out the question with the next number, repeats its answer to the last one and ignores all
others. So loss, damage, repetition and delay can neither run the network twice on one fragment nor match an answer to
the wrong question. `Answering` keeps one fragment, one answer and three counters. Its twin in C, core/line/answering.c,
runs no network and keeps no fragment.
"""

from collections.abc import Iterator
from typing import Protocol

from firmware_bridge.session.errors import (
    CannotError,
    LinkError,
    NetworkFailedError,
    ProtocolViolationError,
    UnansweredError,
)
from firmware_bridge.session.exchange import ANSWER_TIMEOUT_S, repeat_pause_s
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.pixels import FRAGMENT_BYTES, Pixels, pack, unpack

Question = wire.Identify | wire.Probe
Answer = wire.Identity | wire.Logits

QUESTIONS = (wire.Identify.ID, wire.Probe.ID)
ANSWERS: dict[type[Question], type[Answer]] = {
    wire.Identify: wire.Identity,
    wire.Probe: wire.Logits,
}


class Network(Protocol):
    """A network as a board runs it."""

    identity: wire.Identity

    def step(self, pixels: Pixels, first: bool) -> bytes:
        """Run the network on one fragment, uint8 [33, 33], and return its outputs, int8, one after another.

        If the fragment is the `first` of a word, the state is cleared before. NetworkFailedError, with a text for
        people, if the network cannot be run.
        """


def probes(index: int, pixels: Pixels, pixel_bits: int) -> Iterator[wire.Probe]:
    """Yield the questions that carry one fragment: one at 1 bit a pixel, 5 at 8.

    The answer to the last one has the outputs. PixelsError unless the pixels are uint8 [33, 33].
    """
    packed = pack(pixels, pixel_bits)
    for offset in range(0, len(packed), wire.CHUNK_BYTES):
        yield wire.Probe(index, offset, packed[offset : offset + wire.CHUNK_BYTES])


class Asking:
    """The host's side of questions: one at a time, repeated until `answer` has come."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        """The answer to the last question, None until it has come."""
        self._number = 0
        self._question: Question | None = None
        self._repeats = 0
        self._due_s = self._limit_s = float("inf")

    def ask(self, question: Question, now_s: float) -> None:
        """Put the next question; an earlier one without an answer is given up."""
        self._number += 1
        self._question, self.answer = question, None
        self._repeats = 0
        self._due_s, self._limit_s = now_s, now_s + ANSWER_TIMEOUT_S

    def take(self, number: int, message: Answer | wire.Cannot) -> bool:
        """Take an answer and return whether it is the awaited one.

        CannotError if it says that the board cannot answer, ProtocolViolationError if it belongs to another kind of
        question.
        """
        if self._question is None or number != self._number or self.answer is not None:
            return False
        if isinstance(message, wire.Cannot):
            raise CannotError(f"the board cannot answer ({message.obstacle.name.lower()}): {message.text}")
        if not isinstance(message, ANSWERS[type(self._question)]):
            asked, came = type(self._question).__name__.upper(), type(message).__name__.upper()
            raise ProtocolViolationError(f"{came} came as the answer to {asked}")
        self.answer = message
        self._due_s = self._limit_s = float("inf")
        return True

    def next_question(self, now_s: float) -> tuple[Question, int] | None:
        """Return the question and its number if it is due, else None."""
        if self._question is None or now_s < self._due_s:
            return None
        self._due_s = now_s + repeat_pause_s(self._repeats)
        self._repeats += 1
        return self._question, self._number

    def failure(self, now_s: float) -> LinkError | None:
        """Return the error if the answer is overdue, else None."""
        if now_s < self._limit_s:
            return None
        return UnansweredError(
            f"the board is there and has not answered a question about its network for {ANSWER_TIMEOUT_S:g} s: "
            "its firmware knows none, or hangs"
        )

    def wake_s(self) -> float:
        """Return the time at which to call `next_question` or `failure` if nothing comes before."""
        return min(self._due_s, self._limit_s)


class Answering:
    """The board's side of questions, for one connection."""

    def __init__(self, network: Network | None, pixel_bits: int) -> None:
        self._network = network
        self._pixel_bits = pixel_bits
        self._number = 0
        self._answer: wire.Message | None = None
        self._due = False
        self._index = 0
        self._partial = bytearray()

    def take(self, number: int, message_id: int, payload: bytes) -> tuple[bool, bool]:
        """Take a question; return whether it was accepted, and whether it is not a repetition.

        WireError if the payload is no valid question.
        """
        fresh = number == self._number + 1
        if fresh:
            self._answer = self._carry_out(wire.decode(message_id, payload))
            self._number = number
        taken = number == self._number and self._answer is not None
        self._due = self._due or taken
        return taken, fresh

    def next_answer(self) -> tuple[wire.Message, int] | None:
        """Return the answer and its number if one is due, else None."""
        due, self._due = self._due, False
        return (self._answer, self._number) if due and self._answer is not None else None

    def _carry_out(self, question: wire.Message) -> wire.Message:
        if self._network is None:
            return wire.Cannot(wire.Obstacle.NO_NETWORK, "no network runs on this board")
        return self._probe(question, self._network) if isinstance(question, wire.Probe) else self._network.identity

    def _probe(self, probe: wire.Probe, network: Network) -> wire.Message:
        if probe.index == probe.offset == 0:
            self._index = 0
            self._partial.clear()
        if (probe.index, probe.offset) != (self._index, len(self._partial)):
            due = f"{self._index} + {len(self._partial)}"
            return wire.Cannot(wire.Obstacle.OUT_OF_ORDER, f"{probe.index} + {probe.offset} came, {due} was due")
        self._partial += probe.pixels
        if len(self._partial) < FRAGMENT_BYTES[self._pixel_bits]:
            return wire.Logits(b"")
        try:
            outputs = network.step(unpack(bytes(self._partial), self._pixel_bits), probe.index == 0)
        except WireError as error:
            return wire.Cannot(wire.Obstacle.NOT_A_FRAGMENT, _printable(str(error)))
        except NetworkFailedError as error:
            return wire.Cannot(wire.Obstacle.NETWORK_FAILED, _printable(str(error)))
        finally:
            self._partial.clear()
        if len(outputs) > wire.CHUNK_BYTES:
            return wire.Cannot(wire.Obstacle.TOO_MANY_OUTPUTS, f"{len(outputs)} values do not fit in a frame")
        self._index = probe.index + 1
        return wire.Logits(outputs)


def _printable(text: str) -> str:
    """Return the first 64 characters of the text, with `?` for each that is not printable ASCII."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:64]
