"""A reader of four symbols with invented integers, and its card: the proof does without a trained one."""

import hashlib
from pathlib import Path

import numpy as np
from generated_readers import ReaderNetwork

from edge.bundle.reader import CARD, MODEL
from edge.bundle.reader_card import FORMAT, ReaderCard

ALPHABET = "0127"


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


def make_reader(seed: int = 1, symbols: int = len(ALPHABET)) -> bytes:
    return ReaderNetwork(symbols, "random", np.random.default_rng(seed)).build()
