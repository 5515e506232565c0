"""A PEM file -> the Ed25519 key that signs images or bundles, or one whose signatures are trusted."""

import hashlib
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware_bridge.files import read_file, writing
from firmware_bridge.trust.errors import SigningKeyError, SigningKeyExposedError
from firmware_bridge.trust.folder import signing_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET_NAME, PUBLIC_SUFFIX = "firmware.key", ".pub"
IMAGES, BUNDLES = "images", "bundles"
SECRET_NAMES: Final = {IMAGES: SECRET_NAME, BUNDLES: "bundles.key"}
"""What a key signs -> the name of its file in the signing folder."""

KEY_ID_BYTES = 8
PUBLIC_KEY_BYTES = 32


class SigningKey:
    """A secret Ed25519 key, which signs images or bundles."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = TrustedKey(key.public_key())
        self.key_id = self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes; the same message always gives the same one."""
        return self._key.sign(message)


class TrustedKey:
    """A public Ed25519 key; what its owner signed is taken."""

    def __init__(self, key: "Ed25519PublicKey") -> None:
        self._key = key
        self.raw = key.public_bytes_raw()
        self.key_id = hashlib.sha256(self.raw).digest()[:KEY_ID_BYTES]

    @staticmethod
    def of_raw(raw: bytes) -> "TrustedKey":
        """Return the key of its 32 bytes. ValueError for another number of bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return TrustedKey(Ed25519PublicKey.from_public_bytes(raw))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether the key's owner has signed that message."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """Return the key in PEM form, as a file holds it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_signing_key(path: Path) -> SigningKey:
    """Load the secret key from a PEM file.

    SigningKeyExposedError if others can read the file, SigningKeyError if it is missing, unreadable or no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SigningKeyExposedError(
                f"{path}: others may read this secret key: chmod 600 {path}, or make a new one"
            )
        key = load_pem_private_key(read_file(path), password=None)
    except FileNotFoundError as error:
        raise SigningKeyError(
            f"{path}: no such file: `inkgate keys create --for images` or `--for bundles` makes a key and keeps it; "
            f"`openssl genpkey -algorithm ed25519 -out {shlex.quote(str(path))}` makes one there"
        ) from error
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"{path}: not a secret key in PEM form without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{path}: not an Ed25519 key: `openssl genpkey -algorithm ed25519` makes one")
    return SigningKey(key)


def create_signing_key(path: Path) -> SigningKey:
    """Create a secret key in a new file, mode 0600, and its public half beside it.

    SigningKeyError if the file exists, UnwritableError if it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    signing = SigningKey(key)
    if path.exists():
        raise SigningKeyError(f"{path}: exists already: move it away first")
    with writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public_of(path).write_bytes(signing.public.pem())
    return signing


def load_trusted_key(path: Path) -> TrustedKey:
    """Load a public key from a PEM file.

    SigningKeyError if it is missing, unreadable or no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(read_file(path))
    except FileNotFoundError as error:
        raise SigningKeyError(
            f"{path}: no such file: whoever signs has the public half beside the secret key, by default in "
            "~/.config/inkgate/signing; `inkgate keys show` prints it there"
        ) from error
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SigningKeyError(f"{path}: not a public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path}: not an Ed25519 key")
    return TrustedKey(key)


def own_key(signs: str) -> Path:
    """Return where this user's secret key lies that signs images or bundles.

    KeyFolderError if he has no home.
    """
    return signing_folder() / SECRET_NAMES[signs]


def find_own_key(signs: str) -> SigningKey | None:
    """Return this user's key that signs images or bundles, None if there is none.

    Errors as of `load_signing_key`.
    """
    path = own_key(signs)
    return load_signing_key(path) if path.exists() else None


def public_of(secret: Path) -> Path:
    """Return the path of the public half that belongs to a secret key's file."""
    return secret.with_suffix(PUBLIC_SUFFIX)
