"""What `inkgate verify` found -> verify.json and back: the record from which every table and page is made."""

import msgspec

from quantize.errors import ReportError
from quantize.losses.accuracy import EerReport, FloatReport
from quantize.losses.attribution import Part
from quantize.losses.decisions import DecisionDifferences, DifferingWord
from quantize.losses.histograms import Histogram
from quantize.losses.noise import TensorNoise
from quantize.machine import Machine
from quantize.proof.compare import TensorReport

FORMAT = "inkgate-verify/2"


class OpReport(msgspec.Struct):
    """One operation: how it rounds, and its tensors compared. first: where the first difference lies, in words."""

    op: str
    rule: str
    values: int
    mismatches: int
    max_abs: float
    first: str | None
    tensors: list[TensorReport]

    @staticmethod
    def of(op: str, rule: str, tensors: list[TensorReport]) -> "OpReport":
        """The sums over its tensors."""
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
    """One kernel set: the reference's arithmetic of that name against the interpreter that runs it.

    executor, version: the interpreter; runs_on: the kernels that it ran, another name only where nothing runs
    the set yet. deployed: whether the bundle is pinned to it. readable: which tensors could be read.
    unwatched: the logits of the edge's engine, which keeps no tensors. error: why it could not be compared.
    reference_fragments_per_s: of the NumPy reference with every tensor computed, in CPU time of one core.
    """

    kernels: str
    deployed: bool
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
    unwatched: TensorReport | None = None

    @property
    def reserved(self) -> bool:
        """Say whether nothing runs this set yet: the name is reserved, and its oracle was compared."""
        return self.runs_on not in ("", self.kernels)

    @property
    def mark(self) -> str:
        """Say what a reader must know beside the name; "" if nothing."""
        return "deployed" if self.deployed else "reserved" if self.reserved else ""


class GoldenReport(msgspec.Struct):
    """One file of golden vectors in the bundle: every tensor in it against the reference. error: why it is refused."""

    file: str
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
    passed: bool = False
    error: str | None = None


class DriftReport(msgspec.Struct):
    """How another kernel set's logits differ from the deployed one's, and what the gate makes of it.

    computed_by: the interpreter that ran it here, or the reference for a processor that is not here.
    """

    kernels: str
    architecture: str
    computed_by: str
    fragments: int
    values: int
    differing: int
    differing_share: float
    max_steps: int
    decisions: DecisionDifferences


class Material(msgspec.Struct):
    """The words on which something was measured."""

    words: int
    fragments: int
    symbols: int | None
    source: str


class Deployed(msgspec.Struct):
    """What the bundle is pinned to."""

    executor: str
    version: str
    kernels: str


class Proof(msgspec.Struct, kw_only=True):
    """Who was compared with whom, and what differs. values and mismatches are sums over kernel sets and golden vectors;
    failures say why it is not passed. drift is measured on the words that decisions are measured on. seconds: how long
    it all took.
    """

    created: str = ""
    seconds: float = 0.0
    tool: str
    bundle_sha256: str
    model_sha256: str
    reference_model_sha256: str
    users: int
    deployed: Deployed
    machine: Machine
    words: int
    fragments: int
    sources: dict[str, int]
    values: int
    mismatches: int
    max_abs: float
    passed: bool = False
    failures: list[str] = []
    notes: list[str]
    kernel_sets: list[KernelSetReport]
    golden: list[GoldenReport]
    drift: list[DriftReport]

    def is_reserved(self, kernels: str) -> bool:
        """Say whether nothing runs the kernel set of that name yet."""
        return any(found.kernels == kernels and found.reserved for found in self.kernel_sets)


class Report(Proof, kw_only=True):
    """verify.json: the proof, and what int8, as deployed, changes.

    measured_on: the words behind decisions and error rates; noise, attribution and histograms are measured on
    noise_measured_on, a part of them.
    """

    measured_on: Material
    int8_against_float: FloatReport
    decisions_against_float: DecisionDifferences
    differing_words: list[DifferingWord]
    eer: EerReport | None
    eer_shift_points: float | None
    noise_measured_on: Material
    noise: list[TensorNoise]
    attribution: list[Part]
    histograms: list[Histogram]
    format: str = FORMAT

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def decode(content: bytes) -> Report:
    """Read what `Report.encode` wrote. ReportError for anything else."""
    try:
        report = msgspec.json.decode(content, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"this is no report of inkgate verify ({error})") from error
    if report.format != FORMAT:
        raise ReportError(f"the report has format {report.format}, this inkgate reads {FORMAT}")
    return report
