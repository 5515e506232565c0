"""A cause -> the exception that names it and the exit code that the command line ends with."""

from firmware_bridge.errors import ExitCode, InkgateError


class EdgeError(InkgateError):
    """Root of everything that package edge raises on purpose."""


class FragmentSetError(EdgeError):
    """A set of fragments is missing, damaged or not what it says."""


class NamesError(FragmentSetError):
    """A name by which a writer cannot be shown, or told from another."""


class ThresholdsError(EdgeError):
    """Thresholds cannot be made from these scores, or contradict themselves."""


class ScoresError(EdgeError):
    """No error rate can be computed from the scores.

    There are none, they are not finite, or their shapes do not belong together.
    """


class PictureError(EdgeError):
    """A file is no picture, a damaged one, or too large a one."""


class EngineError(EdgeError):
    """The interpreter failed, or gave something that is not logits."""

    exit_code = ExitCode.DEVICE


class RuntimeMissingError(EngineError):
    """Neither LiteRT nor tflite-runtime can be imported."""

    exit_code = ExitCode.USAGE


class ModelRefusedError(EngineError):
    """The model is not a one-fragment int8 model with the outputs that are needed."""

    exit_code = ExitCode.USAGE


class KernelsRefusedError(EngineError):
    """The runtime does not have the kernel set that was asked for, or the set is known to be wrong."""

    exit_code = ExitCode.USAGE


class UnverifiedError(KernelsRefusedError):
    """What would run here is not what was verified.

    Root of the reasons for which an engine is not the one that its bundle is pinned to.
    """

    exit_code = ExitCode.REFUSED


class OtherRuntimeError(UnverifiedError):
    """The machine has another interpreter, or another version of it, than the verified one."""


class OtherKernelsError(UnverifiedError):
    """The machine runs another kernel set than the verified one.

    A delegate that is silently off is a usual cause.
    """


class OtherOutputsError(UnverifiedError):
    """The golden words give other logits or features here than where the bundle was verified."""


class ReaderCardError(EdgeError):
    """A reader of symbols, or its card, is missing or cannot be read."""


class ReaderDiffersError(EdgeError):
    """A reader's card is that of another model."""

    exit_code = ExitCode.REFUSED


class GoldenError(EdgeError):
    """A file holds no golden vectors, or damaged ones."""

    exit_code = ExitCode.REFUSED


class StaleVectorsError(GoldenError):
    """The golden vectors are those of another model, or of another version of the format."""


class ForeignVectorsError(GoldenError):
    """The golden vectors are those of another kernel set, runtime or version."""


class NotABundleError(EdgeError):
    """The path holds no bundle, or its manifest cannot be read."""


class OldBundleError(NotABundleError):
    """The bundle has an earlier format, which lacks what this version needs."""


class NoReaderError(EdgeError):
    """The bundle has no reader of symbols, and what was asked for needs one."""


class NoUsersError(EdgeError):
    """The bundle's network was trained for no user, and what was asked for needs some."""


class RunError(EdgeError):
    """A run directory, or a file that it should hold, is missing, damaged or contradicts itself."""


class OtherRunError(EdgeError):
    """The folder of the run that the bundle was made from now holds another run."""


class BundleAlteredError(EdgeError):
    """A file of the bundle is missing, was added, or does not have its hash."""

    exit_code = ExitCode.REFUSED


class UnsignedBundleError(EdgeError):
    """Nobody signed the bundle, and it did not come with inkgate."""

    exit_code = ExitCode.REFUSED


class JournalError(EdgeError):
    """The journal cannot be opened, read or written."""

    exit_code = ExitCode.DEVICE


class UnrecordedError(JournalError):
    """The journal, or the file of attempts, cannot be written now: nothing may be decided until it can."""


class NotAJournalError(JournalError):
    """There is no journal at the path, or the file there is something else."""

    exit_code = ExitCode.USAGE


class AttemptsError(EdgeError):
    """The file of attempts cannot be read or written, so nothing may be decided."""

    exit_code = ExitCode.DEVICE


class ServiceError(EdgeError):
    """The gate cannot be a service here, or what tells it of its service makes no sense."""


class HookError(EdgeError):
    """A command to be run after a decision is none."""


class LockedError(EdgeError):
    """Too many failed in a row: nobody may try for a while."""

    exit_code = ExitCode.REFUSED


class JournalTamperedError(JournalError):
    """The journal is not as inkgate left it, so nothing is appended to it."""

    exit_code = ExitCode.REFUSED


class JournalAlteredError(JournalError):
    """A row of the journal was edited, deleted, inserted or moved."""

    exit_code = ExitCode.NEGATIVE


class CaptureError(EdgeError):
    """Fragments could not be captured into a set."""


class TooFewWordsError(EdgeError):
    """The board wrote fewer words than were waited for."""

    exit_code = ExitCode.DEVICE


class EnrolmentError(EdgeError):
    """What was written cannot enrol anybody: too little of it, too plain, or unlike itself."""

    exit_code = ExitCode.NEGATIVE


class PinError(EdgeError):
    """A PIN is too short, too plain, or holds what the reader cannot read."""


class PinExposedError(PinError):
    """Someone other than its owner can read the file of a PIN."""

    exit_code = ExitCode.REFUSED


class UserError(EdgeError):
    """There is no user of that name, there already is one, or there is no room for another."""


class RosterError(EdgeError):
    """The roster cannot be read or written."""


class RosterRefusedError(RosterError):
    """The roster is not one that this machine wrote last for this network.

    Root of the reasons for which nobody of a roster may enter.
    """

    exit_code = ExitCode.REFUSED


class RosterAlteredError(RosterRefusedError):
    """The file is no roster, or a bit of it was changed."""


class RosterKeyError(RosterRefusedError):
    """There is no key for the roster here: it is a copy from another machine, or an older copy put back."""


class RosterOlderError(RosterKeyError):
    """The roster is an older copy, put back together with its key."""


class ForeignRosterError(RosterRefusedError):
    """The roster's users were enrolled with another network."""


class EvidenceError(EdgeError):
    """An evidence model that cannot be read, or does not fit the bundle's networks."""


class SealKeyError(JournalError):
    """The key that seals the journal's next row is missing, exposed, or cannot be read or written."""

    exit_code = ExitCode.REFUSED


class SealError(JournalError):
    """The journal cannot be sealed, or is sealed already."""

    exit_code = ExitCode.USAGE


class SeedError(EdgeError):
    """A seed of a seal was not written as it was shown."""


class JournalExistsError(JournalError):
    """There is a file already where a copy of the journal is to be."""

    exit_code = ExitCode.USAGE


class SettingsError(EdgeError):
    """A file of settings or a variable of the environment cannot be read, or sets what cannot be meant."""


class SettingsRefusedError(SettingsError):
    """A file of settings could be another user's, or would take a protection away."""

    exit_code = ExitCode.REFUSED
