"""What is wrong with a setting, a build or an image -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class ImageError(BridgeError):
    """Raised when a file is not an image that this inkgate knows."""

    exit_code = ExitCode.USAGE


class TruncatedImageError(ImageError):
    """Raised when an image is shorter than its header says."""


class OversizedImageError(ImageError):
    """Raised when an image does not fit into the board's flash, or its file is longer than the image."""


class WrongBoardError(ImageError):
    """Raised when an image is for another board than the one that was found or named."""


class SegmentError(ImageError):
    """Raised when an ELF file is unreadable, or places a segment where the board has no memory."""


class SymbolError(ImageError):
    """Raised when a linked program lacks the name of a function or variable that the host looks up."""


class BootBlockError(ImageError):
    """Raised when the second-stage boot loader's CRC is wrong: the boot ROM would not start the image."""


class AlteredImageError(ImageError):
    """Raised when an image does not match the digest in its header."""

    exit_code = ExitCode.REFUSED


class UnsignedImageError(ImageError):
    """Raised when an image carries no signature."""

    exit_code = ExitCode.REFUSED


class UntrustedImageError(ImageError):
    """Raised when an image is signed by a key that is not trusted here, or its signature is wrong."""

    exit_code = ExitCode.REFUSED


class OlderImageError(ImageError):
    """Raised when the board has had a newer version than the image's."""

    exit_code = ExitCode.REFUSED


class SettingError(BridgeError):
    """Raised when an app has no such build setting, or the setting does not allow the value."""

    exit_code = ExitCode.USAGE


class BuildError(BridgeError):
    """Raised when the firmware cannot be compiled or linked."""

    exit_code = ExitCode.USAGE
