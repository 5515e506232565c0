"""A tiny generated reader of digits -> the files of it that a bundle holds."""

import functools
import hashlib

import numpy as np
from generated_readers import ReaderNetwork

from edge.bundle.bundle import PinnedExecutor
from edge.bundle.golden import LOGITS, GoldenVectors, Stamp
from edge.bundle.kernels import request_for
from edge.bundle.reader import CARD, MODEL, Reader, golden_name
from edge.bundle.reader_card import FORMAT, ReaderCard

DIGITS = "0123456789"


@functools.cache
def model() -> bytes:
    return ReaderNetwork(len(DIGITS), "random", np.random.default_rng(500)).build()


def reader_files(pinned: PinnedExecutor, temperature: float = 1.0) -> dict[str, bytes]:
    """Return the reader's model, card and golden vectors by their names in a bundle that is pinned so."""
    sha256 = hashlib.sha256(model()).hexdigest()
    card = ReaderCard(FORMAT, DIGITS, temperature, sha256, "tiny", (), (), "test", "2026-01-01T00:00:00Z", {})
    reader = Reader.load(model(), card, request_for(pinned.kernels), runtime_name=pinned.runtime)
    fragments = np.random.default_rng(4).choice(np.array([-128, 127], np.int8), (6, 33, 33, 1))
    lengths = np.ones(len(fragments), np.int32)
    stamp = Stamp("test", "0", reader.runtime_name, reader.version, reader.kernels, "none", "this machine", "")
    tensors = {"0.output": reader.logits_int8(fragments)}
    golden = GoldenVectors(stamp, sha256, fragments, lengths, tensors, {LOGITS: "0.output"})
    return {MODEL: model(), CARD: card.encode(), golden_name(pinned.kernels): golden.encode()}
