"""A directory -> the bundle it holds, every file verified before one byte of it is used.

BUNDLE/  model.tflite      the one-fragment int8 network: its features and, for users, its logits
         calibration.json  ranges seen in calibration
         float.npz         weights of its float twin, for verification
         golden-NAME.bin   golden vectors of kernel set NAME: of the pinned one, and of those reserved for engines to
                           come (computed by an interpreter of equal arithmetic)
         manifest.json     plan, users, thresholds, the pinned interpreter and kernels, error rates, where the bundle
                           came from, and the hash of every other file
         verify.json, report.html   written later, about the bundle, not part of it
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from edge.bundle import golden
from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors
from edge.bundle.kernels import request_for
from edge.bundle.places import MANIFEST, explain_no_bundle
from edge.decision.thresholds import Thresholds
from edge.errors import (
    BundleAlteredError,
    GoldenError,
    ModelRefusedError,
    NotABundleError,
    NoUsersError,
    OldBundleError,
    RuntimeMissingError,
    ThresholdsError,
    UnverifiedError,
)

FORMAT: Final = "inkgate-bundle/3"
OLD_FORMATS: Final = {
    "inkgate-bundle/1": "has no golden vectors, so nothing tells whether this machine computes what was verified",
    "inkgate-bundle/2": "has no features, by which a user is known who was not trained into it",
}
"""Formats of earlier versions, and what a bundle of such a format lacks."""

MODEL, CALIBRATION, FLOAT = "model.tflite", "calibration.json", "float.npz"
REQUIRED: Final = (MODEL, CALIBRATION, FLOAT)
UNHASHED: Final = frozenset({MANIFEST, "verify.json", "report.html"})


class PinnedExecutor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The interpreter and kernels that a bundle is pinned to.

    The thresholds were made and the golden vectors verified on them. kernels: a name as in `Engine.kernels`.
    """

    runtime: str
    version: str
    kernels: str


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
    network has features only. thresholds: those of the users' logits, None where there are none. files: hash of every
    other file of the bundle, by name.
    """

    format: Literal["inkgate-bundle/3"]
    plan: dict[str, Any]
    users: tuple[str, ...]
    pixel_bits: Literal[1, 8]
    thresholds: Thresholds | None
    executor: PinnedExecutor
    error_rates: ErrorRates
    provenance: Provenance
    files: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raise ValueError unless users are distinct printable names with thresholds, and files plain names."""
        if len(set(self.users)) != len(self.users):
            raise ValueError("users must be distinct")
        if (self.thresholds is None) != (not self.users):
            raise ValueError("thresholds belong to users, and users need them")
        if not all(name.strip() and name.isprintable() for name in self.users):
            raise ValueError("a user's name must be printable text")
        if any(Path(name).name != name or name in UNHASHED for name in self.files):
            raise ValueError("files must be plain names")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its manifest, and every file's bytes as they were when their hash was checked.

    sha256: hash of manifest.json, and so of everything: two bundles with the same one are the same bundle.
    """

    path: Path
    manifest: Manifest
    sha256: str
    contents: Mapping[str, bytes]

    @staticmethod
    def open(path: str | os.PathLike[str]) -> "Bundle":
        """Read a bundle and verify the hash of every file.

        NotABundleError if there is no readable manifest, BundleAlteredError (exit code 4) if a file is missing, was
        added or does not have its hash.
        """
        folder = Path(path)
        raw = _read_manifest(folder)
        manifest = _decode(folder, raw)
        contents = _verified(folder, manifest)
        return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest(), contents)

    def golden(self, kernels: str | None = None) -> GoldenVectors:
        """Return the golden vectors of a kernel set, by default of the pinned one.

        StaleVectorsError if they are those of another model or format, ForeignVectorsError if of another kernel set,
        runtime or version, GoldenError if the bundle has none or they are damaged.
        """
        pinned = self.manifest.executor
        name = golden.file_name(kernels or pinned.kernels)
        if name not in self.contents:
            raise GoldenError(f"{self.path}: there is no {name} in the bundle")
        runtime = (pinned.runtime, pinned.version) if kernels in (None, pinned.kernels) else None
        try:
            vectors = golden.decode(self.contents[name])
            golden.check(vectors, self.contents[MODEL], kernels or pinned.kernels, runtime)
        except GoldenError as error:
            raise type(error)(f"{self.path / name}: {error}; `inkgate quantize` makes the bundle anew") from error
        return vectors

    @property
    def thresholds(self) -> Thresholds:
        """Return the thresholds of the users' logits. NoUsersError if the network was trained for no user."""
        if self.manifest.thresholds is None:
            raise NoUsersError(
                f"{self.path}: the network knows no user by itself; `inkgate train` and `inkgate quantize RUN` make "
                "one that does"
            )
        return self.manifest.thresholds

    def engine(self, kernels: str | None = None, threads: int = 1) -> Engine:
        """Return the bundle's network on the pinned interpreter and kernels, its state cleared.

        The engine has computed the golden words, each output bit for bit as verified; otherwise UnverifiedError says
        what differs.

        kernels: run on these, and return the engine whatever it computes; `Engine.verified` says whether that is what
        was verified.

        GoldenError if the vectors are not about this bundle, ModelRefusedError if the network does not fit the users,
        RuntimeMissingError if there is no interpreter.
        """
        pinned = self.manifest.executor
        vectors = self.golden()
        asked = kernels or request_for(pinned.kernels)
        try:
            engine = Engine.load(self.contents[MODEL], asked, threads, pinned.runtime)
        except RuntimeMissingError as error:
            wanted = f"{pinned.runtime}=={pinned.version}"
            raise RuntimeMissingError(f"{error}; {self.path} was verified on {wanted}: install just that") from error
        users = len(self.manifest.users)
        if engine.outputs != (users + 1 if users else 0):
            raise ModelRefusedError(f"{engine.outputs} logits for {users} users and the stranger")
        try:
            engine.verify(vectors)
        except UnverifiedError as error:
            if kernels is None:
                raise type(error)(f"{self.path}: {error}") from error
        return engine


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle and return it; the hashes of its files are put into the manifest.

    contents: the bytes of each file by name, at least of the required files. The directory appears whole or not at all;
    an older bundle or an empty directory there is replaced.

    NotABundleError if a required file is lacking, or if `path` holds something that is no bundle; GoldenError if the
    golden vectors of the pinned kernels are not about this model, runtime and version.
    """
    target = Path(path)
    lacking = [name for name in _required(manifest) if name not in contents]
    if lacking:
        raise NotABundleError(f"{target}: a bundle needs {', '.join(lacking)}")
    require_writable_bundle(target)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
    complete = msgspec.structs.replace(manifest, files=hashes)
    Bundle(target, complete, "", contents).golden()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for name, content in {**contents, MANIFEST: _encode(complete)}.items():
                _write(fresh / name, content)
            _replace(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise NotABundleError(f"{target}: the bundle cannot be written: {error.strerror}") from error
    return Bundle.open(target)


def require_writable_bundle(target: Path) -> None:
    """Refuse a target to which no bundle can be written; nothing is made there.

    NotABundleError says what is in the way.
    """
    nearest = next(place for place in (target, *target.absolute().parents) if place.exists())
    free = nearest != target or (target / MANIFEST).is_file() or (target.is_dir() and not any(target.iterdir()))
    if not free:
        raise NotABundleError(f"{target}: is in the way and is no bundle; choose another place")
    holder = target.absolute().parent if nearest == target else nearest
    if not holder.is_dir() or not os.access(holder, os.W_OK | os.X_OK):
        raise NotABundleError(f"{target}: the bundle cannot be written: {holder} is no folder that can be written to")


class _OldProvenance(msgspec.Struct, frozen=True):
    run: str = "RUN"


class _Old(msgspec.Struct, frozen=True):
    """The fields of a manifest of any format that are needed to say how to replace the bundle."""

    format: str = ""
    provenance: _OldProvenance = _OldProvenance()


def _required(manifest: Manifest) -> tuple[str, ...]:
    return (*REQUIRED, golden.file_name(manifest.executor.kernels))


def _encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def _decode(folder: Path, raw: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(raw, type=_Old)
        if found.format in OLD_FORMATS:
            run = os.path.normpath(folder / found.provenance.run)
            raise OldBundleError(
                f"{folder}: {found.format} {OLD_FORMATS[found.format]}; "
                f"`inkgate quantize {run} --out {folder}` makes it anew"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, ThresholdsError, UnicodeDecodeError) as error:
        raise NotABundleError(f"{folder / MANIFEST}: {error}; `inkgate quantize` makes a bundle") from error


def _read_manifest(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise NotABundleError(explain_no_bundle(folder, f"{MANIFEST}: {error.strerror}")) from error


def _verified(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the bytes of every hashed file, by name.

    BundleAlteredError for the first file that is missing, added or different.
    """
    hashes, required = manifest.files, set(_required(manifest))
    present = {entry.name for entry in folder.iterdir()} - UNHASHED
    missing = sorted((hashes.keys() | required) - present) or sorted(required - hashes.keys())
    added = sorted(present - hashes.keys())
    if missing:
        raise BundleAlteredError(f"{folder}: {missing[0]} is missing; copy the bundle again or quantize anew")
    if added:
        raise BundleAlteredError(f"{folder}: {added[0]} is not in the manifest; remove it or copy the bundle again")
    contents = {}
    for name, expected in sorted(hashes.items()):
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise BundleAlteredError(f"{folder}: {name} cannot be read: {error.strerror}") from error
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise BundleAlteredError(f"{folder}: {name} was altered: its hash is not the manifest's")
    return contents


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(fresh: Path, target: Path) -> None:
    """Move directory `fresh` to where `target` is.

    What was at `target` is deleted only after the new directory is in place.
    """
    fresh.chmod(0o755)
    if not target.exists():
        fresh.replace(target)
        return
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as attic:
        target.replace(Path(attic) / "old")
        fresh.replace(target)
