"""What is wrong with a key or its file -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class KeyStoreError(BridgeError):
    """The key store cannot be read or written."""

    exit_code = ExitCode.USAGE


class KeyExposedError(KeyStoreError):
    """Others than its owner can read or change the key store."""

    exit_code = ExitCode.REFUSED


class SigningKeyError(BridgeError):
    """A signing key cannot be read, or others can read it."""

    exit_code = ExitCode.USAGE


class ExposedKeyError(SigningKeyError):
    """A secret key may be read by others than its owner."""

    exit_code = ExitCode.REFUSED


class KeyFolderError(BridgeError):
    """The user has no home folder, and no variable names a folder for the keys."""

    exit_code = ExitCode.USAGE
