"""What is wrong with a key or its file -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class KeyStoreError(BridgeError):
    """The key store cannot be read or written."""

    exit_code = ExitCode.USAGE


class KeyStoreUnwritableError(KeyStoreError):
    """A folder of keys cannot be written."""

    exit_code = ExitCode.DEVICE


class KeyDamagedError(KeyStoreError):
    """The file of one board's key holds no key."""


class BoardUnknownError(KeyStoreError):
    """The key store has no key of the board that was named."""


class KeyExposedError(KeyStoreError):
    """Someone other than its owner can read or change a file of secrets, or its folder."""

    exit_code = ExitCode.REFUSED


class BoardKeyExposedError(KeyExposedError):
    """Someone other than its owner can read or change the keys of boards."""


class SigningKeyError(BridgeError):
    """A signing key's file, secret or public, is missing, unusable or holds no Ed25519 key."""

    exit_code = ExitCode.USAGE


class SigningKeyExposedError(SigningKeyError):
    """Someone other than its owner can read the secret signing key."""

    exit_code = ExitCode.REFUSED


class SignatureError(BridgeError):
    """What was signed, or its signature, is not as its signer left it."""

    exit_code = ExitCode.REFUSED


class OtherSignerError(SignatureError):
    """The signer is not one whose signatures are taken here."""


class OlderError(SignatureError):
    """What was signed is older than what was seen in its place."""


class KeyFolderError(BridgeError):
    """The user has no home folder, and no variable names a folder for the keys."""

    exit_code = ExitCode.USAGE
