"""Results of `inkgate verify` -> verify.json and back: the record behind every table and page."""

import msgspec

from edge.bundle.golden import FEATURES, LOGITS
from quantize.errors import ReportError
from quantize.losses.accuracy import EerReport, FloatReport
from quantize.losses.attribution import Part
from quantize.losses.decisions import DecisionDifferences, DifferingWord
from quantize.losses.drift import DriftReport
from quantize.losses.histograms import Histogram
from quantize.losses.material import Material
from quantize.losses.noise import TensorNoise
from quantize.machine import Machine
from quantize.proof.findings import GoldenReport, KernelSetReport, OutputReport

FORMAT = "inkgate-verify/3"


class Deployed(msgspec.Struct):
    """The interpreter, its version and the kernels to which a bundle is pinned."""

    executor: str
    version: str
    kernels: str


class Proof(msgspec.Struct, kw_only=True):
    """The comparisons of a verification and their differences.

    seconds             how long the verification took
    values, mismatches  sums over kernel sets and golden vectors
    outputs             the part of them that is a model's output, by the model's file and the output's name
    failures            why the verification is not passed
    drift               measured on the words on which decisions are measured
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
    outputs: dict[str, dict[str, OutputReport]]
    passed: bool = False
    failures: list[str] = []
    notes: list[str]
    kernel_sets: list[KernelSetReport]
    golden: list[GoldenReport]
    drift: list[DriftReport]

    def by_model(self) -> dict[str, list[KernelSetReport]]:
        """Return the comparisons of kernel sets by the bundle's file that they are about, in order."""
        found: dict[str, list[KernelSetReport]] = {}
        for report in self.kernel_sets:
            found.setdefault(report.model, []).append(report)
        return found

    def is_reserved(self, kernels: str) -> bool:
        """Return whether nothing runs the kernel set of that name yet."""
        return any(found.kernels == kernels and found.reserved for found in self.kernel_sets)


class Decided(msgspec.Struct, kw_only=True):
    """What int8, as deployed, changes in decisions. measured_on: the words on which they are measured."""

    measured_on: Material
    int8_against_float: FloatReport
    decisions_against_float: DecisionDifferences
    differing_words: list[DifferingWord]
    eer: EerReport | None
    eer_shift_points: float | None


class Report(Proof, kw_only=True):
    """The content of verify.json: the proof, and what int8, as deployed, changes.

    decisions          None if the network has features only: it decides nothing by itself
    noise_measured_on  the words on which noise, attribution and histograms are measured
    """

    decisions: Decided | None
    noise_measured_on: Material
    noise: list[TensorNoise]
    attribution: list[Part]
    histograms: list[Histogram]
    format: str = FORMAT

    @property
    def last(self) -> str:
        """Return what the network computes last: "logits", or "features" where it ends in them."""
        return FEATURES if self.decisions is None else LOGITS

    def encode(self) -> bytes:
        """Return the report as JSON."""
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
