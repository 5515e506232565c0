"""What can go wrong in `train` -> one exception per cause, each with its exit code."""

from firmware_bridge.errors import ExitCode, InkgateError


class TrainError(InkgateError):
    """Root of everything that package train raises on purpose."""


class UnknownDatasetError(TrainError):
    """The name is neither a known source nor a path to an .npz file."""


class MissingDataError(TrainError):
    """A source's files are not on this machine."""


class CorruptDataError(TrainError):
    """A source's file is truncated, altered or not what it claims to be."""


class ImportedFileError(TrainError):
    """A person's own file of handwriting cannot be read, or is not what the command takes it for."""


class DownloadError(TrainError):
    """No public home of a file could deliver it."""


class TooFewWritersError(TrainError):
    """A set has too few writers, or too few fragments by a writer, for what was asked."""


class FarUnknownError(TrainError):
    """Strangers come from another kind of input than the users, so that no FAR would hold."""


class BudgetError(TrainError):
    """No structure of the network satisfies the budget (equation 4), or the request makes no network."""


class PlanError(TrainError):
    """A plan describes no network that could be built, or its figures contradict its structure."""


class UnknownSymbolError(TrainError):
    """A symbol that invented writers cannot write."""


class BackboneError(TrainError):
    """No backbone fits what is asked, or the backbone is damaged."""


class OverwriteError(TrainError):
    """A run made with other settings lies where a run was to be written."""


class NothingToReadError(TrainError):
    """A set shows no symbol of the alphabet that a reader should learn or be measured on."""


class UnknownReaderError(TrainError):
    """A reader of an alphabet or with a network for which there is no handwriting or no structure."""


class DemoError(TrainError):
    """A step of the demo failed; the error carries that step's exit code."""

    def __init__(self, message: str, exit_code: int = ExitCode.NEGATIVE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
