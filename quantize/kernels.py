"""The name of a kernel set -> the rounding rules that its operations use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantize import fixedpoint
from quantize.errors import KernelSetError
from quantize.fixedpoint import Int, Real

ByMultiplier = Callable[[Int, Int, Int], Int]
"""(accumulator, multiplier, shift) -> accumulator times multiplier / 2^31 * 2^shift, rounded."""

ByReal = Callable[[Int, Real], Int]
"""(accumulator, factor) -> accumulator times factor, rounded."""


@dataclass(frozen=True)
class KernelSet:
    """Which rule rounds where. An interpreter's kernels are this record; the structure of the operations is common.

    convolution, quantize: requantisation of these operations. fully_connected: the same, from a real factor.
    tanh_table: (input scale, zero point, output scale, zero point) -> 256 entries. In the LSTM: gate requantises a
    gate's two accumulators, product divides an int16 product by a power of two, hidden requantises the new hidden
    state, logistic (Q3.12) and tanh (Qm.15-m, m) are the int16 activations.
    """

    name: str
    convolution: ByMultiplier
    quantize: ByMultiplier
    fully_connected: ByReal
    tanh_table: Callable[[float, int, float, int], npt.NDArray[np.int8]]
    gate: ByMultiplier
    product: Callable[[Int, int], Int]
    hidden: ByMultiplier
    logistic: Callable[[Int], Int]
    tanh: Callable[[Int, int], Int]


LITERT_REFERENCE = KernelSet(
    name="litert-reference",
    convolution=fixedpoint.multiply_by_quantized_multiplier,
    quantize=fixedpoint.multiply_by_quantized_multiplier,
    fully_connected=fixedpoint.multiply_by_real,
    tanh_table=fixedpoint.tanh_table_int8,
    gate=fixedpoint.multiply_by_quantized_multiplier,
    product=fixedpoint.rounding_divide_by_pot,
    hidden=fixedpoint.multiply_by_quantized_multiplier,
    logistic=fixedpoint.logistic_int16,
    tanh=fixedpoint.tanh_int16,
)
"""LiteRT's reference kernels (OpResolverType.BUILTIN_REF) as of ai-edge-litert 2.3.0."""

KERNEL_SETS = {kernels.name: kernels for kernels in (LITERT_REFERENCE,)}


def kernel_set(name: str) -> KernelSet:
    """The kernel set of that name. KernelSetError, listing the names, if there is none."""
    if name not in KERNEL_SETS:
        raise KernelSetError(f"no arithmetic is known for kernels {name!r}; known: {', '.join(KERNEL_SETS)}")
    return KERNEL_SETS[name]
