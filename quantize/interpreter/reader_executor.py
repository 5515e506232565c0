"""Fragments -> the logits of a reader of symbols, by the edge's own reader on named kernels."""

import numpy as np
import numpy.typing as npt

from edge.bundle.golden import LOGITS
from edge.bundle.reader import Reader
from edge.bundle.reader_card import ReaderCard
from quantize.errors import KernelSetError
from quantize.interpreter.executors import wanted_kernels
from quantize.model.words import Words

Int8 = npt.NDArray[np.int8]


class ReaderExecutor:
    """The edge's own reader as an executor, so that what is measured is what reads.

    name, version: the kernels and the runtime that really run.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.name, self.version = reader.kernels, reader.runtime

    @staticmethod
    def load(model: bytes, card: ReaderCard, kernels: str) -> "ReaderExecutor":
        """Return the reader with the kernels of that name.

        KernelSetError for an unknown name or if this machine runs other kernels (XNNPACK absent); errors of
        `Reader.load`.
        """
        wanted = wanted_kernels(kernels)
        executor = ReaderExecutor(Reader.load(model, card, wanted.request))
        if executor.name != wanted.name:
            raise KernelSetError(f"{kernels} was asked for and this machine runs {executor.name}")
        return executor

    def outputs(self, words: Words) -> dict[str, Int8]:
        """Return the logits int8 [N, S] of the words' fragments, by the output's name."""
        return {LOGITS: self._reader.logits_int8(words.fragments)}
