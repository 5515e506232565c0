"""A bundle's folder -> the bundle, if somebody answers for it whom this machine trusts.

Signed is the SHA-256 of the exact bytes of manifest.json, which holds the hash of every other file; the signature lies
beside it in manifest.sig (firmware_bridge.trust.signature). It is checked before the manifest is read. The bundles that
come with inkgate are signed by nobody: their manifests' hashes stand below, in the code that reads them.
"""

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import encode_manifest, new_counter
from edge.bundle.places import MANIFEST, SHIPPED, SIGNATURE
from edge.errors import BundleAlteredError, NotABundleError, UnsignedBundleError
from firmware_bridge.files import read_file, unwritable
from firmware_bridge.trust.errors import SignatureError
from firmware_bridge.trust.pins import Pins
from firmware_bridge.trust.private_folder import replace_file
from firmware_bridge.trust.signature import SIGNATURE_BYTES, sign, signer_of
from firmware_bridge.trust.signing import SigningKey, TrustedKey

CONTEXT: Final = b"inkgate bundle manifest\0"
"""Prefix of the digest in the signed message, so that the signature is valid for no other kind of file."""

OWN: Final = frozenset({"88022d295950d588f81a8a4828ef2a60f3d15798dd230f71ecf197eb8ad04909"})
"""SHA-256 of manifest.json of each bundle that comes with inkgate. Who makes `ready` anew writes its hash here."""


@dataclass(frozen=True)
class Admitted:
    """A bundle that may be used here, and who answers for it.

    signer: None if it came with inkgate, or if nobody does. first: the signer was not known here before.
    """

    bundle: Bundle
    signer: TrustedKey | None = None
    first: bool = False

    @property
    def signed(self) -> bool:
        """Return whether somebody answers for the bundle: a signer, or inkgate."""
        return self.signer is not None or self.bundle.sha256 in OWN

    @property
    def told(self) -> str:
        """Return who answers for it, in words."""
        if self.signer is not None:
            return f"signed by key {self.signer.key_id.hex()}"
        return "comes with inkgate" if self.signed else "signed by nobody"


def admit(path: Path, pins: Pins, *, unsigned: bool = False, remember: bool = True) -> Admitted:
    """Open a bundle if it came with inkgate, or if one signed it who is trusted here.

    unsigned: open it also if nobody signed it. remember: keep a first signer, and the counter. Exit code 4:
    UnsignedBundleError, SignatureError if a bit of the manifest or signature was changed, OtherSignerError,
    OlderError; the others as of `Bundle.open` and `Pins`.
    """
    digest = _digest(path)
    if digest.hex() in OWN:
        return Admitted(_open(path, digest))
    signature = _read_signature(path)
    place = os.path.normpath(path.absolute())
    if signature is None:
        if path.resolve() == SHIPPED.resolve() and not unsigned:
            raise BundleAlteredError(f"{path}: is not the bundle that came with this inkgate: install inkgate anew")
        bundle = _open(path, digest)
        if not unsigned:
            raise UnsignedBundleError(_why_refused(path, known=place in pins.read().counters))
        return Admitted(bundle)
    try:
        signer = signer_of(CONTEXT, digest, signature)
    except SignatureError as error:
        raise SignatureError(f"{path}: {MANIFEST} {error}: copy the bundle anew from where it was made") from error
    bundle = _open(path, digest)
    keep = pins.note if remember else pins.check
    return Admitted(bundle, signer, keep(signer, place, bundle.manifest.counter))


def sign_bundle(path: Path, key: SigningKey, *, newest: bool = False) -> Bundle:
    """Sign a bundle, in place of an earlier signature, and return it.

    newest: first give it a security counter above its own and those of all bundles made before; its hash is another
    one then. Errors as of `Bundle.open`; UnwritableError if the folder cannot be written.
    """
    bundle = Bundle.open(path)
    try:
        if newest:
            counter = max(new_counter(), bundle.manifest.counter + 1)
            _replace(path / MANIFEST, encode_manifest(msgspec.structs.replace(bundle.manifest, counter=counter)))
            bundle = Bundle.open(path)
        _replace(path / SIGNATURE, sign(CONTEXT, bytes.fromhex(bundle.sha256), key))
    except OSError as error:
        raise unwritable(path, error, "let its owner sign it") from error
    return bundle


def _why_refused(path: Path, *, known: bool) -> str:
    if known:
        return (
            f"{path}: a signed bundle was used here before, and this one is signed by nobody: copy the bundle anew "
            "from where it was made"
        )
    return (
        f"{path}: nobody signed this bundle, so whoever can write there decides who enters: if you made it, "
        f"`inkgate bundle sign {path}` signs it, with the key that `inkgate keys create --for bundles` makes; for "
        "trials --unsigned takes it, and every decision then says so"
    )


def _digest(path: Path) -> bytes:
    """Return the SHA-256 of a bundle's manifest. Errors as of `Bundle.open` if it cannot be read."""
    try:
        return hashlib.sha256(read_file(path / MANIFEST)).digest()
    except OSError:
        return bytes.fromhex(Bundle.open(path).sha256)  # which says what is wrong


def _open(path: Path, digest: bytes) -> Bundle:
    bundle = Bundle.open(path)
    if bundle.sha256 != digest.hex():
        raise BundleAlteredError(f"{path}: {MANIFEST} was changed while it was read: begin again")
    return bundle


def _read_signature(path: Path) -> bytes | None:
    """Return the bytes of a bundle's signature, None if it has none, b"" if there are too many of them."""
    try:
        return read_file(path / SIGNATURE, SIGNATURE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EFBIG:
            return b""
        raise NotABundleError(f"{path}: {SIGNATURE} cannot be read: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    replace_file(path, path.with_name(f".{path.name}.fresh"), content)
    path.chmod(0o644)
