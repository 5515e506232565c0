"""A cause -> the exception that names it and the exit code that the command line ends with."""

from typing import ClassVar

NEGATIVE, USAGE, DEVICE, REFUSED = 1, 2, 3, 4
"""Exit codes: a check came out negative; usage or configuration; device; refused for security."""


class EdgeError(Exception):
    """Root of everything that package edge raises on purpose."""

    exit_code: ClassVar[int] = USAGE


class FragmentSetError(EdgeError):
    """A set of fragments is missing, damaged or not what it says."""


class ThresholdsError(EdgeError):
    """Thresholds cannot be made from these scores, or contradict themselves."""


class EngineError(EdgeError):
    """The interpreter failed, or gave something that is not logits."""

    exit_code: ClassVar[int] = DEVICE


class RuntimeMissingError(EngineError):
    """Neither LiteRT nor tflite-runtime can be imported."""

    exit_code: ClassVar[int] = USAGE


class ModelRefusedError(EngineError):
    """The model is not a stateful one-fragment int8 model."""

    exit_code: ClassVar[int] = USAGE


class KernelsRefusedError(EngineError):
    """The asked kernel set is not to be had from this runtime, or is known to be wrong."""

    exit_code: ClassVar[int] = USAGE


class NotABundleError(EdgeError):
    """The path holds no bundle, or its manifest cannot be read."""


class BundleAlteredError(EdgeError):
    """A file of the bundle is missing, was added, or does not have its hash."""

    exit_code: ClassVar[int] = REFUSED


class JournalError(EdgeError):
    """The journal cannot be opened, read or written."""

    exit_code: ClassVar[int] = DEVICE


class NotAJournalError(JournalError):
    """There is no journal at the path, or the file there is something else."""

    exit_code: ClassVar[int] = USAGE


class JournalAlteredError(EdgeError):
    """A row of the journal was edited, deleted, inserted or moved."""

    exit_code: ClassVar[int] = NEGATIVE


class CaptureError(EdgeError):
    """Fragments could not be captured into a set."""


class TooFewWordsError(EdgeError):
    """The board wrote fewer words than were waited for."""

    exit_code: ClassVar[int] = DEVICE
