"""A cause -> the exception that names it and the exit code that the command line ends with."""

from firmware_bridge.errors import ExitCode, InkgateError


class EdgeError(InkgateError):
    """Root of everything that package edge raises on purpose."""


class FragmentSetError(EdgeError):
    """A set of fragments is missing, damaged or not what it says."""


class ThresholdsError(EdgeError):
    """Thresholds cannot be made from these scores, or contradict themselves."""


class ScoresError(EdgeError):
    """Scores from which no error rate can be computed: none, not finite, or of shapes that do not belong together."""


class EngineError(EdgeError):
    """The interpreter failed, or gave something that is not logits."""

    exit_code = ExitCode.DEVICE


class RuntimeMissingError(EngineError):
    """Neither LiteRT nor tflite-runtime can be imported."""

    exit_code = ExitCode.USAGE


class ModelRefusedError(EngineError):
    """The model is not a stateful one-fragment int8 model."""

    exit_code = ExitCode.USAGE


class KernelsRefusedError(EngineError):
    """The asked kernel set is not to be had from this runtime, or is known to be wrong."""

    exit_code = ExitCode.USAGE


class UnverifiedError(KernelsRefusedError):
    """What would run here is not what was verified. Root of the reasons for which an engine is not pinned."""

    exit_code = ExitCode.REFUSED


class OtherRuntimeError(UnverifiedError):
    """Another interpreter, or another version of it, than the one that was verified."""


class OtherKernelsError(UnverifiedError):
    """Another kernel set than the one that was verified: a delegate that is silently off, for example."""


class OtherLogitsError(UnverifiedError):
    """The golden words give other logits here than where the bundle was verified."""


class GoldenError(EdgeError):
    """A file holds no golden vectors, or damaged ones."""

    exit_code = ExitCode.REFUSED


class StaleVectorsError(GoldenError):
    """Golden vectors of another model, or of another version of the format."""


class ForeignVectorsError(GoldenError):
    """Golden vectors of another kernel set, runtime or version."""


class NotABundleError(EdgeError):
    """The path holds no bundle, or its manifest cannot be read."""


class OldBundleError(NotABundleError):
    """A bundle of an earlier format: it lacks what is needed to verify the machine that it would run on."""


class OtherRunError(EdgeError):
    """Another run than the one that the bundle was made from lies where that one was."""


class BundleAlteredError(EdgeError):
    """A file of the bundle is missing, was added, or does not have its hash."""

    exit_code = ExitCode.REFUSED


class JournalError(EdgeError):
    """The journal cannot be opened, read or written."""

    exit_code = ExitCode.DEVICE


class NotAJournalError(JournalError):
    """There is no journal at the path, or the file there is something else."""

    exit_code = ExitCode.USAGE


class JournalAlteredError(EdgeError):
    """A row of the journal was edited, deleted, inserted or moved."""

    exit_code = ExitCode.NEGATIVE


class CaptureError(EdgeError):
    """Fragments could not be captured into a set."""


class TooFewWordsError(EdgeError):
    """The board wrote fewer words than were waited for."""

    exit_code = ExitCode.DEVICE
