"""A cause -> the exception that names it and the exit code that the command line ends with."""

from firmware_bridge.errors import ExitCode, InkgateError


class QuantizeError(InkgateError):
    """The root of every error that package quantize raises on purpose."""


class DependencyError(QuantizeError):
    """A package that this command needs is not installed, or not in a version that works."""


class ModelFileError(QuantizeError):
    """The bytes are not a TFLite model, or a damaged one."""


class UnsupportedGraphError(QuantizeError):
    """The graph holds an operation, or a variant of one, that the integer reference does not implement."""


class KernelSetError(QuantizeError):
    """The arithmetic of the kernels that were asked for is not known, or this machine does not run them."""


class ReportError(QuantizeError):
    """The file is no report of `inkgate verify`, or one of another version."""


class OtherModelError(QuantizeError):
    """The device on a port runs another model than the bundle's."""

    exit_code = ExitCode.REFUSED


class BackboneFileError(QuantizeError):
    """The file is no backbone, or a damaged one."""


class WordsError(QuantizeError):
    """The words to compute are empty or have the wrong shape."""


class ConversionRefusedError(QuantizeError):
    """The root of the errors that refuse a conversion."""

    exit_code = ExitCode.NEGATIVE


class UnfusedError(ConversionRefusedError):
    """The recurrent layer did not become one fused integer LSTM."""


class FloatGraphError(ConversionRefusedError):
    """The graph computes in floating point, or calls TensorFlow (flex) or custom operations."""


class InputQuantizationError(ConversionRefusedError):
    """Input or output do not have the shape, type or quantisation that the edge feeds and reads."""


class ClippingError(ConversionRefusedError):
    """A tensor's integer range cuts off more than the stated share of the calibration values."""


class CellRangeError(ConversionRefusedError):
    """The cell state's power-of-two scale lies outside what the integer LSTM kernel can take."""


class VectorsDifferError(QuantizeError):
    """The interpreter does not compute the golden vectors that the reference made: nothing is verified."""

    exit_code = ExitCode.NEGATIVE


class GraphsDifferError(QuantizeError):
    """Two models were compared that do not compute the same operations on the same shapes."""

    exit_code = ExitCode.NEGATIVE


class EvidenceFitError(QuantizeError):
    """The handwriting is too little, or too much alike, to fit an evidence model to."""
