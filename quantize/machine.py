"""The machine here -> a record of what can change an interpreter's choice of kernels, and results."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import numpy as np

CPUINFO = Path("/proc/cpuinfo")
BOARD = Path("/proc/device-tree/model")

FEATURES = {
    "x86_64": (
        "sse4_1 avx f16c fma avx2 avx512f avx512bw avx512dq avx512vl avx512_vnni avx_vnni avx_vnni_int8 "
        "amx_tile amx_int8 gfni"
    ),
    "aarch64": "asimd asimdrdm asimdhp fphp asimddp i8mm bf16 sve sve2 svei8mm sme",
}
"""Architecture -> the CPU features, by their Linux names, by which ruy and XNNPACK choose their int8 kernels."""

ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
}
"""ARM's part number (implementer 0x41) -> name of the core."""


class Machine(msgspec.Struct, frozen=True):
    """A record of a machine.

    cpu: name of the processor and, if known, of the board. cpu_features: those of FEATURES that it has.
    """

    system: str
    architecture: str
    cpu: str
    cpu_features: tuple[str, ...]
    cores: int
    libc: str
    python: str
    numpy: str

    def describe(self) -> str:
        """Return one line for people."""
        return f"{self.system} {self.architecture}, {self.cpu}"


def this_machine() -> Machine:
    """Return the record of this machine; what cannot be found out is "unknown" or empty."""
    cpuinfo = _read(CPUINFO)
    architecture = platform.machine()
    return Machine(
        system=platform.system(),
        architecture=architecture,
        cpu=name_cpu(cpuinfo, _read(BOARD)),
        cpu_features=find_features(cpuinfo, architecture),
        cores=os.cpu_count() or 1,
        libc=" ".join(platform.libc_ver()).strip() or "unknown",
        python=platform.python_version(),
        numpy=np.__version__,
    )


def name_cpu(cpuinfo: str, board: str = "") -> str:
    """Return the processor's name from the text of /proc/cpuinfo and the device tree's name of the board.

    Examples: "AMD EPYC", "Raspberry Pi 4 ... (4x Cortex-A72)"; "unknown" if neither text names it.
    """
    models = _values(cpuinfo, "model name")
    if models:
        return models[0]
    cores = [_core(*numbers) for numbers in _pairs(cpuinfo)]
    counted = " + ".join(f"{cores.count(core)}x {core}" for core in dict.fromkeys(cores))
    named = board.strip("\0 \n") or next(iter(_values(cpuinfo, "Model")), "")
    return f"{named} ({counted})" if named and counted else named or counted or "unknown"


def find_features(cpuinfo: str, architecture: str) -> tuple[str, ...]:
    """Return those of FEATURES that the first processor in /proc/cpuinfo has, in the order of FEATURES."""
    found = next(iter([*_values(cpuinfo, "flags"), *_values(cpuinfo, "Features")]), "").split()
    return tuple(feature for feature in FEATURES.get(architecture, "").split() if feature in found)


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, "unknown" if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _core(implementer: str, part: str) -> str:
    known = ARM_PARTS.get(part) if implementer == "0x41" else None
    return known or f"core {implementer}:{part}"


def _pairs(cpuinfo: str) -> Iterator[tuple[str, str]]:
    return zip(_values(cpuinfo, "CPU implementer"), _values(cpuinfo, "CPU part"), strict=False)


def _values(cpuinfo: str, key: str) -> list[str]:
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return [value.strip() for name, _, value in lines if name.strip() == key and value.strip()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
