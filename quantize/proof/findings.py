"""Comparisons of kernel sets and golden vectors -> their records in verify.json."""

import msgspec

from edge.bundle.bundle import MODEL
from quantize.proof.compare import TensorReport


class OutputReport(msgspec.Struct):
    """The comparison of one output of a model, as it is deployed: features, or logits."""

    name: str
    values: int
    mismatches: int


class OpReport(msgspec.Struct):
    """The comparison of one operation: its rounding rule, its tensors and their sums.

    first: where the first difference lies, in words.
    """

    op: str
    rule: str
    values: int
    mismatches: int
    max_abs: float
    first: str | None
    tensors: list[TensorReport]

    @staticmethod
    def of(op: str, rule: str, tensors: list[TensorReport]) -> "OpReport":
        """Return the report of an operation, with the sums over its tensors."""
        wrong = next((tensor for tensor in tensors if tensor.mismatches), None)
        return OpReport(
            op=op,
            rule=rule,
            values=sum(tensor.values for tensor in tensors),
            mismatches=sum(tensor.mismatches for tensor in tensors),
            max_abs=max((tensor.max_abs for tensor in tensors), default=0.0),
            first=None if wrong is None else wrong.describe(),
            tensors=tensors,
        )


class KernelSetReport(msgspec.Struct):
    """The comparison of one kernel set: the reference's arithmetic against the interpreter that runs it.

    model              the bundle's file
    deployed           whether the bundle is pinned to it
    executor, version  the interpreter
    runs_on            the kernels that the interpreter ran: another name than `kernels` only if nothing runs those yet
    readable           which tensors could be read
    unwatched          the outputs of the edge's engine, which keeps no tensors: the features, and the logits if any
    outputs            the same by name
    error              why the kernel set could not be compared
    reference_fragments_per_s  speed of the NumPy reference with every tensor computed, in CPU time of one core
    """

    kernels: str
    deployed: bool
    model: str = MODEL
    executor: str = ""
    version: str = ""
    runs_on: str = ""
    machine: str = ""
    readable: str = ""
    values: int = 0
    mismatches: int = 0
    max_abs: float = 0.0
    passed: bool = False
    error: str | None = None
    first: str | None = None
    reference_fragments_per_s: int = 0
    ops: list[OpReport] = []
    unwatched: list[TensorReport] = []
    outputs: list[OutputReport] = []

    @property
    def reserved(self) -> bool:
        """Return whether the name is reserved: nothing runs this set yet, and its oracle was compared."""
        return self.runs_on not in ("", self.kernels)

    @property
    def title(self) -> str:
        """Return the kernel set's name, with the model's if it is another than the network."""
        return self.kernels if self.model == MODEL else f"{self.model}, {self.kernels}"

    @property
    def mark(self) -> str:
        """Return the mark that a reader sees beside the name: "deployed", "reserved" or ""."""
        return "deployed" if self.deployed else "reserved" if self.reserved else ""


class GoldenReport(msgspec.Struct):
    """The comparison of one file of golden vectors in the bundle: its tensors against the reference's.

    model: the bundle's file that they are about. outputs: those of the tensors that are outputs. error: why the file is
    refused.
    """

    file: str
    model: str = MODEL
    kernels: str = ""
    executor: str = ""
    version: str = ""
    machine: str = ""
    tells_apart: str = ""
    words: int = 0
    fragments: int = 0
    values: int = 0
    mismatches: int = 0
    max_abs: float = 0.0
    outputs: list[OutputReport] = []
    passed: bool = False
    error: str | None = None
