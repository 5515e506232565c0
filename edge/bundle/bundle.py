"""A directory -> the bundle it holds, every file verified before one byte of it is used.

BUNDLE/  model.tflite      the one-fragment int8 network: its features and, for users, its logits
         calibration.json  ranges seen in calibration
         float.npz         weights of its float twin, for verification
         golden-NAME.bin   its golden vectors of kernel set NAME: of the pinned one, of others on which `inkgate verify
                           --pin` proved it, and of those reserved for engines to come (computed by an interpreter of
                           equal arithmetic)
         reader.tflite     where there is one, the int8 network that reads symbols; with it reader.json, its card, and
                           its golden vectors reader-golden-NAME.bin
         evidence.npz      where there is one, the model of the features by which users are known, and how the logits
                           of users who were trained in are weighed beside it
         manifest.json     plan, users, thresholds, the pinned interpreter and kernels, error rates, where the bundle
                           came from, and the hash of every other file
         manifest.sig      who signed the manifest, and so all of it (edge.bundle.signed)
         verify.json, report.html   written later, about the bundle, not part of it
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge.bundle import golden
from edge.bundle import reader as reader_files
from edge.bundle.engine import Engine, find_runtime
from edge.bundle.golden import GoldenVectors
from edge.bundle.kernels import DEFAULT, request_for
from edge.bundle.manifest import UNHASHED, Manifest, decode_manifest, encode_manifest
from edge.bundle.places import MANIFEST, explain_no_bundle
from edge.bundle.reader import Reader
from edge.bundle.reader_card import decode_card
from edge.decision.evidence_model import EvidenceModel
from edge.decision.thresholds import Thresholds
from edge.errors import (
    BundleAlteredError,
    EvidenceError,
    GoldenError,
    ModelRefusedError,
    NoReaderError,
    NotABundleError,
    NoUsersError,
    ReaderDiffersError,
    RuntimeMissingError,
    UnverifiedError,
)
from firmware_bridge.files import read_file, require_writable_folder, unwritable, writing

EVIDENCE: Final = "evidence.npz"
MODEL, CALIBRATION, FLOAT = "model.tflite", "calibration.json", "float.npz"
REQUIRED: Final = (MODEL, CALIBRATION, FLOAT)


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
        manifest = decode_manifest(folder, raw)
        contents = _verified(folder, manifest)
        return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest(), contents)

    def golden(self, kernels: str | None = None) -> GoldenVectors:
        """Return the golden vectors of a kernel set, by default of the pinned one.

        StaleVectorsError if they are those of another model or format, ForeignVectorsError if of another kernel set,
        runtime or version, GoldenError if the bundle has none or they are damaged.
        """
        return self._golden(golden.file_name, MODEL, kernels)

    def reader_golden(self, kernels: str | None = None) -> GoldenVectors:
        """Return the reader's golden vectors of a kernel set, by default of the pinned one, as `golden` does."""
        return self._golden(reader_files.golden_name, reader_files.MODEL, kernels)

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

        Where another interpreter is installed it runs on that one's own, if the bundle has their golden vectors. The
        engine has computed the golden words, each output bit for bit as verified; otherwise UnverifiedError says what
        differs.

        kernels: run on these, and return the engine whatever it computes; `Engine.verified` says whether that is what
        was verified.

        GoldenError if the vectors are not about this bundle, ModelRefusedError if the network does not fit the users,
        RuntimeMissingError if there is no interpreter.
        """
        vectors = self.golden()
        with self._naming_what_to_install():
            engine = Engine.load(self.contents[MODEL], self._request(kernels), threads, self.manifest.executor.runtime)
        users = len(self.manifest.users)
        if engine.outputs != (users + 1 if users else 0):
            raise ModelRefusedError(f"{engine.outputs} logits for {users} users and the stranger")
        self._verify(engine, self._proved_on(engine, golden.file_name, MODEL) or vectors, kernels)
        return engine

    def reader(self, kernels: str | None = None, threads: int = 1) -> Reader:
        """Return the bundle's reader of symbols on the pinned interpreter and kernels.

        It has computed its golden fragments, as the network of `engine` its golden words; kernels and errors as there.
        NoReaderError if the bundle has none, ReaderDiffersError if the manifest says otherwise of it than its card.
        """
        record = self.manifest.reader
        if record is None:
            raise NoReaderError(f"{self.path}: the bundle has no reader of symbols; `inkgate quantize` makes it anew")
        model, vectors = self.contents[reader_files.MODEL], self.reader_golden()
        card = decode_card(self.contents[reader_files.CARD])
        if (card.alphabet, card.temperature) != (record.alphabet, record.temperature):
            raise ReaderDiffersError(f"{self.path}: the manifest says otherwise of the reader than its card")
        with self._naming_what_to_install():
            found = Reader.load(model, card, self._request(kernels), threads, self.manifest.executor.runtime)
        own = self._proved_on(found, reader_files.golden_name, reader_files.MODEL)
        self._verify(found, own or vectors, kernels)
        return found

    def prove(self, engine: Engine, reader: Reader | None) -> None:
        """Let the networks compute their golden vectors again, as they did when they were opened.

        The state is cleared afterwards. UnverifiedError for the first bit that differs, EngineError if one fails.
        """
        engine.verify(self._proved_on(engine, golden.file_name, MODEL) or self.golden())
        if reader is not None:
            own = self._proved_on(reader, reader_files.golden_name, reader_files.MODEL)
            reader.verify(own or self.reader_golden())

    def evidence(self) -> EvidenceModel:
        """Return how people write on each kind of input, and what evidence means there.

        NotABundleError if the bundle has no such model, EvidenceError if it cannot be read or the manifest says
        otherwise of it.
        """
        if EVIDENCE not in self.contents:
            raise NotABundleError(
                f"{self.path}: the bundle does not say what writing is worth as evidence, so it knows no users of a "
                "roster; `--bundle ready` does; `inkgate quantize RUN|BACKBONE.npz --evidence FOLDER` makes one that "
                "does"
            )
        model = EvidenceModel.decode(self.contents[EVIDENCE])
        if dict(model.inputs) != self.manifest.inputs:
            raise EvidenceError(f"{self.path}: the manifest says otherwise of the evidence than {EVIDENCE}")
        return model

    def _golden(self, name_of: Callable[[str], str], model: str, kernels: str | None) -> GoldenVectors:
        pinned = self.manifest.executor
        name = name_of(kernels or pinned.kernels)
        if name not in self.contents:
            raise GoldenError(f"{self.path}: there is no {name} in the bundle")
        runtime = (pinned.runtime, pinned.version) if kernels in (None, pinned.kernels) else None
        try:
            vectors = golden.decode(self.contents[name])
            golden.check(vectors, self.contents[model], kernels or pinned.kernels, runtime)
        except GoldenError as error:
            raise type(error)(f"{self.path / name}: {error}; `inkgate quantize` makes the bundle anew") from error
        return vectors

    def _proved_on(self, found: Engine | Reader, name_of: Callable[[str], str], model: str) -> GoldenVectors | None:
        """Return the golden vectors of the kernels that a network runs on, None if there are none."""
        return self._golden(name_of, model, found.kernels) if name_of(found.kernels) in self.contents else None

    def _request(self, kernels: str | None) -> str:
        """Return what to ask for: what the pin means, or another interpreter's default where that is."""
        if kernels is not None:
            return kernels
        pinned = self.manifest.executor
        asked = request_for(pinned.kernels)
        return asked if find_runtime(pinned.runtime).name == pinned.runtime else DEFAULT

    @contextmanager
    def _naming_what_to_install(self) -> Iterator[None]:
        """Add to a missing interpreter's message the version that the bundle was verified on."""
        pinned = self.manifest.executor
        try:
            yield
        except RuntimeMissingError as error:
            wanted = f"{pinned.runtime}=={pinned.version}"
            raise RuntimeMissingError(f"{error}; {self.path} was verified on {wanted}: install just that") from error

    def _verify(self, found: Engine | Reader, vectors: GoldenVectors, kernels: str | None) -> None:
        """Verify a network; one on kernels that were asked for may differ, and is then not `verified`."""
        try:
            found.verify(vectors)
        except UnverifiedError as error:
            if kernels is None:
                raise type(error)(f"{self.path}: {error}") from error


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
    written = Bundle(target, complete, "", contents)
    written.golden()
    if manifest.reader is not None:
        written.reader_golden()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for name, content in {**contents, MANIFEST: encode_manifest(complete)}.items():
                _write(fresh / name, content)
            _replace(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise unwritable(target, error) from error
    return Bundle.open(target)


def require_writable_bundle(target: Path) -> None:
    """Refuse a target to which no bundle can be written; nothing is made there.

    NotABundleError says what is in the way, UnwritableError why nothing can be written.
    """
    nearest = next(place for place in (target, *target.absolute().parents) if place.exists())
    free = nearest != target or (target / MANIFEST).is_file() or (target.is_dir() and not any(target.iterdir()))
    if not free:
        raise NotABundleError(f"{target}: is in the way and is no bundle; choose another place")
    with writing(target):
        require_writable_folder(target.absolute().parent if nearest == target else nearest)


def _required(manifest: Manifest) -> tuple[str, ...]:
    kernels = manifest.executor.kernels
    readers = (reader_files.MODEL, reader_files.CARD, reader_files.golden_name(kernels)) if manifest.reader else ()
    return (*REQUIRED, golden.file_name(kernels), *readers)


def _read_manifest(folder: Path) -> bytes:
    try:
        return read_file(folder / MANIFEST)
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
            contents[name] = read_file(folder / name)
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
    path.chmod(0o644)


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
