"""What is wrong with a setting, a build or an image -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class ImageError(BridgeError):
    """A file is not an image that this inkgate knows."""

    exit_code = ExitCode.USAGE


class TruncatedImageError(ImageError):
    """The file is shorter than its header says."""


class OversizedImageError(ImageError):
    """The image is larger than the board's flash has room for, or the file goes on behind it."""


class WrongBoardError(ImageError):
    """The image is for another board than the one that was found or named."""


class SegmentError(ImageError):
    """A part of the program lies where the board has no memory for it."""


class SymbolError(ImageError):
    """A linked program does not name a function or variable that is looked for from outside."""


class BootBlockError(ImageError):
    """The second-stage boot loader's CRC is wrong: the part's boot ROM would not start the image."""


class AlteredImageError(ImageError):
    """The image is not the one that its digest was made of."""

    exit_code = ExitCode.REFUSED


class UnsignedImageError(ImageError):
    """Nobody has signed the image."""

    exit_code = ExitCode.REFUSED


class UntrustedImageError(ImageError):
    """The signature is not by a key that is trusted here, or is not right."""

    exit_code = ExitCode.REFUSED


class OlderImageError(ImageError):
    """The board has had a newer version than the image's."""

    exit_code = ExitCode.REFUSED


class SettingError(BridgeError):
    """A build cannot have that setting, or not that value of it."""

    exit_code = ExitCode.USAGE


class BuildError(BridgeError):
    """The firmware could not be compiled, linked or written down."""

    exit_code = ExitCode.USAGE
