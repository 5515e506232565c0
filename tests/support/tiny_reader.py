"""A reader with invented integers, its card, and the files of it that a bundle holds: no trained one is needed."""

import functools
import hashlib
from pathlib import Path

import numpy as np
from generated_readers import ReaderNetwork

from edge.bundle.golden import LOGITS, GoldenVectors, Stamp
from edge.bundle.kernels import request_for
from edge.bundle.manifest import PinnedExecutor
from edge.bundle.reader import CARD, MODEL, Reader, golden_name
from edge.bundle.reader_card import FORMAT, ReaderCard

ALPHABET = "0127"
DIGITS = "0123456789"


def card_of(model: bytes, **fields: object) -> ReaderCard:
    known = {
        "format": FORMAT,
        "alphabet": ALPHABET,
        "temperature": 1.5,
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "network": "shipped",
        "trained_on": (),
        "accuracy": (),
        "command": "test",
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {},
    }
    return ReaderCard(**(known | fields))  # type: ignore[arg-type]


def write_reader(folder: Path) -> Path:
    """Write model and card as `inkgate train-reader` does, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = make_reader()
    (folder / MODEL).write_bytes(model)
    (folder / CARD).write_bytes(card_of(model).encode())
    return folder


@functools.cache
def make_reader(seed: int = 1, symbols: int = len(ALPHABET)) -> bytes:
    return ReaderNetwork(symbols, "random", np.random.default_rng(seed)).build()


def reader_files(pinned: PinnedExecutor, temperature: float = 1.0) -> dict[str, bytes]:
    """Return a reader of digits, its card and golden vectors by their names in a bundle that is pinned so."""
    model = make_reader(500, len(DIGITS))
    card = card_of(model, alphabet=DIGITS, temperature=temperature)
    reader = Reader.load(model, card, request_for(pinned.kernels), runtime_name=pinned.runtime)
    fragments = np.random.default_rng(4).choice(np.array([-128, 127], np.int8), (6, 33, 33, 1))
    lengths = np.ones(len(fragments), np.int32)
    stamp = Stamp("test", "0", reader.runtime_name, reader.version, reader.kernels, "none", "this machine", "")
    tensors = {"0.output": reader.logits_int8(fragments)}
    golden = GoldenVectors(stamp, hashlib.sha256(model).hexdigest(), fragments, lengths, tensors, {LOGITS: "0.output"})
    return {MODEL: model, CARD: card.encode(), golden_name(pinned.kernels): golden.encode()}
