"""The card of a reader (JSON) -> its alphabet, its temperature, and what is known of it."""

import hashlib
from typing import Final

import msgspec

from edge.errors import ReaderCardError, ReaderDiffersError

FORMAT: Final = "inkgate-reader/1"


class SourceNote(msgspec.Struct, frozen=True):
    """A source of a reader's training: its name, its part of the writers, and the hash of that data.

    licence: what is to be said wherever the reader is passed on, "" for nothing.
    """

    name: str
    writers: int
    fragments: int
    sha256: str
    licence: str = ""


class Accuracy(msgspec.Struct, frozen=True):
    """How many of a set's fragments the int8 reader read rightly. set: which writers of which source."""

    set: str
    right: int
    fragments: int


class ReaderCard(msgspec.Struct, frozen=True):
    """What a reader reads, and how it came about.

    alphabet        a symbol for each output, in their order, each once
    temperature     what the logits are divided by before the softmax, so that probabilities are calibrated
    model_sha256    of the model's bytes, hex
    network         the structure's name
    trained_on      sources of the training
    accuracy        in int8, on writers who took no part in the training
    """

    format: str
    alphabet: str
    temperature: float
    model_sha256: str
    network: str
    trained_on: tuple[SourceNote, ...]
    accuracy: tuple[Accuracy, ...]
    command: str
    created: str
    versions: dict[str, str]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ReaderCardError unless alphabet and temperature can be used."""
        if self.format != FORMAT:
            raise ReaderCardError(f"a reader's card of format {self.format!r}, this inkgate reads {FORMAT}")
        symbols = self.alphabet
        if len(symbols) < 2 or len(set(symbols)) != len(symbols) or not symbols.isprintable() or " " in symbols:
            raise ReaderCardError(f"a reader's alphabet is two or more different characters, not {symbols!r}")
        if not 0.01 <= self.temperature <= 100.0:
            raise ReaderCardError(f"a reader's temperature lies between 0.01 and 100, not at {self.temperature}")

    def encode(self) -> bytes:
        """Return the card as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def require(self, model: bytes) -> None:
        """Raise ReaderDiffersError unless the model is the card's."""
        found = hashlib.sha256(model).hexdigest()
        if found != self.model_sha256:
            raise ReaderDiffersError(f"the card is that of reader {self.model_sha256[:12]}, the model is {found[:12]}")


def decode_card(content: bytes) -> ReaderCard:
    """Read what `ReaderCard.encode` wrote. ReaderCardError for anything else."""
    try:
        return msgspec.json.decode(content, type=ReaderCard)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReaderCardError(f"not the card of a reader: {error}") from error
