"""The content of manifest.json <-> what a bundle says of itself."""

import os
import time
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from edge.bundle.places import MANIFEST, SIGNATURE
from edge.decision.evidence_model import Input
from edge.decision.thresholds import Thresholds
from edge.errors import EvidenceError, NotABundleError, OldBundleError, ThresholdsError

FORMAT: Final = "inkgate-bundle/3"
OLD_FORMATS: Final = {
    "inkgate-bundle/1": "has no golden vectors, so nothing tells whether this machine computes what was verified",
    "inkgate-bundle/2": "has no features, by which a user is known who was not trained into it",
}
"""Formats of earlier versions, and what a bundle of such a format lacks."""

UNHASHED: Final = frozenset({MANIFEST, SIGNATURE, "verify.json", "report.html"})


class PinnedExecutor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The interpreter and kernels that a bundle is pinned to.

    The thresholds were made and the golden vectors verified on them. kernels: a name as in `Engine.kernels`.
    """

    runtime: str
    version: str
    kernels: str


class ReaderRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle's reader reads, as its card says. temperature: that of its probabilities."""

    alphabet: str
    temperature: float


class ErrorRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """FAR and FRR at the thresholds, by the numbers of symbols at which they were measured."""

    far: dict[int, float] = {}
    frr: dict[int, float] = {}


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a bundle came from.

    run: the RUN directory, relative to the bundle, "" if it was made from a backbone. run_sha256: hashes of the files
    that it was made from, by name.
    """

    run: str
    run_sha256: dict[str, str]
    data_sha256: str
    dataset: str
    seed: int
    draw: int
    versions: dict[str, str]
    created: str
    command: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of manifest.json.

    plan: the network's plan.json. users: names of users 0..K-1 in the order of the logits; there are none where the
    network has features only. thresholds: those of the users' logits, None where there are none. inputs: for which
    kinds of input a FAR is known, and how well. reader: None where
    there is none. counter: the security counter; where a bundle was used, none with a lower one is used any more.
    files: hash of every other file of the bundle, by name.
    """

    format: Literal["inkgate-bundle/3"]
    plan: dict[str, Any]
    users: tuple[str, ...]
    pixel_bits: Literal[1, 8]
    thresholds: Thresholds | None
    executor: PinnedExecutor
    error_rates: ErrorRates
    provenance: Provenance
    reader: ReaderRecord | None = None
    inputs: dict[str, Input] = {}
    counter: int = 0
    files: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raise ValueError unless users are distinct printable names with thresholds, and files plain names."""
        if len(set(self.users)) != len(self.users):
            raise ValueError("users must be distinct")
        if not 0 <= self.counter < 1 << 63:
            raise ValueError("the security counter must be a natural number")
        if (self.thresholds is None) != (not self.users):
            raise ValueError("thresholds belong to users, and users need them")
        if not all(name.strip() and name.isprintable() for name in self.users):
            raise ValueError("a user's name must be printable text")
        if any(Path(name).name != name or name in UNHASHED for name in self.files):
            raise ValueError("files must be plain names")


def new_counter() -> int:
    """Return the security counter of a bundle that is made now.

    It is the seconds since 1970, so that no bundle made later has less."""
    return int(time.time())


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of manifest.json."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(folder: Path, raw: bytes) -> Manifest:
    """Read the bytes of a folder's manifest.json.

    OldBundleError for one of an earlier format, NotABundleError for anything else that is no manifest.
    """
    try:
        found = msgspec.json.decode(raw, type=_Old)
        if found.format in OLD_FORMATS:
            run = os.path.normpath(folder / found.provenance.run)
            raise OldBundleError(
                f"{folder}: {found.format} {OLD_FORMATS[found.format]}; "
                f"`inkgate quantize {run} --out {folder}` makes it anew"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, ThresholdsError, EvidenceError, UnicodeDecodeError) as error:
        raise NotABundleError(f"{folder / MANIFEST}: {error}; `inkgate quantize` makes a bundle") from error


class _OldProvenance(msgspec.Struct, frozen=True):
    run: str = "RUN"


class _Old(msgspec.Struct, frozen=True):
    """The fields of a manifest of any format that are needed to say how to replace the bundle."""

    format: str = ""
    provenance: _OldProvenance = _OldProvenance()
