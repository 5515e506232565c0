"""A bundle and the device that should run it -> whether it computes the golden words bit for bit."""

import hashlib
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.golden import FEATURES, LOGITS, GoldenVectors, file_name
from edge.errors import GoldenError
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.session.errors import PixelDepthError, ProtocolViolationError
from firmware_bridge.wire.messages import Identity
from firmware_bridge.wire.pixels import depth
from quantize.errors import OtherModelError
from quantize.proof.findings import OutputReport

BLACK_AND_WHITE = (-128, 127)
"""The int8 values that a fragment of 1 bit a pixel has."""

Progress = Callable[[int, int], None]
"""Progress callback: (fragments done, fragments in all)."""


class DeviceReport(msgspec.Struct):
    """A device and the comparison of its outputs on the golden words.

    kernels, executor, version, machine  what the device says of itself
    golden                               the kernel set with whose golden vectors it was compared
    outputs                              values and mismatches of each output: logits, if any, and features
    first                                the first value that differs: word, step, output, position, expected, got;
                                         numbers count from 0
    """

    kernels: str
    executor: str
    version: str
    machine: str
    board: str
    firmware: str
    golden: str
    values: int
    mismatches: int
    max_abs: int
    outputs: list[OutputReport]
    first: dict[str, int | str] | None
    passed: bool


class DeviceVerification(msgspec.Struct):
    """The report of `inkgate verify --port --json`, with names and sums as in verify.json."""

    bundle_sha256: str
    model_sha256: str
    port: str
    words: int
    fragments: int
    values: int
    mismatches: int
    max_abs: int
    passed: bool
    kernel_sets: list[DeviceReport]
    damaged_frames: int
    failures: list[str]
    notes: list[str]
    format: str = "inkgate-verify-port/2"

    def encode(self) -> bytes:
        """Return the report as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def verify_device(
    bundle: Bundle, inquiry: Inquiry, progress: Progress = lambda _done, _total: None
) -> DeviceVerification:
    """Ask the device who it is, let it compute the golden words, and compare every value of every output.

    OtherModelError if it runs another model, PixelDepthError if it takes another pixel depth, BridgeError if it does
    not answer or cannot compute, GoldenError if the bundle's vectors cannot be used.
    """
    identity, model = inquiry.identify(), hashlib.sha256(bundle.contents[MODEL]).hexdigest()
    if identity.model_sha256.hex() != model:
        raise OtherModelError(
            f"{inquiry.port}: {inquiry.info.board} runs model {identity.model_sha256.hex()[:12]}, not {model[:12]} of "
            f"{bundle.path}: copy the bundle there, or flash the board anew"
        )
    failures: list[str] = []
    golden = _golden(bundle, identity, failures)
    _require_depth(bundle, golden, inquiry)
    got = _by_output(golden, np.stack(_compute(golden, inquiry, progress)))
    report = _compare(golden, got, identity, inquiry)
    difference = golden.first_difference(got)
    if difference is not None:
        report.first = difference._asdict()
        failures.append(
            f"{report.mismatches} of {report.values} values are not those of {report.golden}, first: {difference}"
        )
    report.passed = not failures
    return DeviceVerification(
        bundle_sha256=bundle.sha256,
        model_sha256=model,
        port=inquiry.port,
        words=len(golden.lengths),
        fragments=len(golden.fragments),
        values=report.values,
        mismatches=report.mismatches,
        max_abs=report.max_abs,
        passed=report.passed,
        kernel_sets=[report],
        damaged_frames=inquiry.damaged_frames,
        failures=[f"{inquiry.port}: {identity.kernels} on {inquiry.info.board}: {failure}" for failure in failures],
        notes=_notes(bundle, identity, inquiry),
    )


def _golden(bundle: Bundle, identity: Identity, failures: list[str]) -> GoldenVectors:
    """Return the golden vectors of the device's kernel set, or the pinned one's if there are none.

    Add a failure if the bundle was not verified on that kernel set, or was on another version of the interpreter.
    """
    pinned = bundle.manifest.executor
    if file_name(identity.kernels) not in bundle.contents:
        failures.append(f"the bundle was not verified on these kernels; it was on {pinned.kernels}")
        return bundle.golden()
    made, found = f"{pinned.runtime} {pinned.version}", f"{identity.runtime} {identity.version}"
    if identity.kernels == pinned.kernels and made != found:
        failures.append(f"the bundle was verified on {made}, this is {found}")
    return bundle.golden(identity.kernels)


def _require_depth(bundle: Bundle, golden: GoldenVectors, inquiry: Inquiry) -> None:
    bits, found = bundle.manifest.pixel_bits, inquiry.info.pixel_bits
    if bits != found:
        raise PixelDepthError(f"{inquiry.port}: it takes fragments of {depth(found)}, the bundle of {bits}")
    if bits == 1 and not np.isin(golden.fragments, BLACK_AND_WHITE).all():
        raise GoldenError(f"{bundle.path}: the golden words have shades of grey, which 1 bit a pixel cannot carry")


def _compute(golden: GoldenVectors, inquiry: Inquiry, progress: Progress) -> list[npt.NDArray[np.int8]]:
    """Let the device compute the golden words; return its outputs, int8 [K+1 + F] for each fragment.

    ProtocolViolationError if a fragment has more or fewer values.
    """
    found: list[npt.NDArray[np.int8]] = []
    wanted = golden.logits.shape[1] + golden.features.shape[1]
    for word in golden.words():
        for index, fragment in enumerate(word):
            pixels = fragment[..., 0].view(np.uint8) ^ np.uint8(0x80)
            found.append(np.frombuffer(inquiry.step(index, pixels), np.int8))
            if len(found[-1]) != wanted:
                text = f"{len(found[-1])} values came for a fragment where the model gives {wanted}"
                raise ProtocolViolationError(f"{inquiry.port}: {text}")
            progress(len(found), len(golden.fragments))
    return found


def _by_output(golden: GoldenVectors, values: npt.NDArray[np.int8]) -> dict[str, npt.NDArray[np.int8]]:
    """Divide what came for each fragment, int8 [N, K+1 + F], into the model's outputs by name."""
    logits = golden.logits.shape[1]
    divided = {LOGITS: values[:, :logits], FEATURES: values[:, logits:]}
    return {name: divided[name] for name in golden.outputs}


def _compare(
    golden: GoldenVectors, got: dict[str, npt.NDArray[np.int8]], identity: Identity, inquiry: Inquiry
) -> DeviceReport:
    steps = {name: np.abs(values.astype(np.int16) - golden.output(name)) for name, values in got.items()}
    outputs = [OutputReport(name, found.size, int(np.count_nonzero(found))) for name, found in steps.items()]
    return DeviceReport(
        kernels=identity.kernels,
        executor=identity.runtime,
        version=identity.version,
        machine=identity.machine,
        board=inquiry.info.board,
        firmware=inquiry.info.firmware,
        golden=golden.stamp.kernels,
        values=sum(output.values for output in outputs),
        mismatches=sum(output.mismatches for output in outputs),
        max_abs=max(int(found.max()) for found in steps.values()),
        outputs=outputs,
        first=None,
        passed=True,
    )


def _notes(bundle: Bundle, identity: Identity, inquiry: Inquiry) -> list[str]:
    notes = []
    if not inquiry.info.authenticated:
        notes.append("who a device is, it says itself: the golden words prove what it computes, not who computes it")
    pinned = bundle.manifest.executor.kernels
    if identity.kernels != pinned:
        notes.append(f"the thresholds were made on {pinned}, the device runs {identity.kernels}")
    return notes
