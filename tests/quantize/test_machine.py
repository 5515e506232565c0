"""Linux's text about a processor becomes the record of the machine."""

import platform
from importlib import metadata

from quantize.machine import find_features, name_cpu, this_machine, version_of

RASPBERRY = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd08

processor\t: 1
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
DESKTOP = """processor : 0
vendor_id : GenuineIntel
model name : Some CPU @ 3 GHz
flags : fpu sse4_1 avx avx2 fma avx512_vnni
"""


def test_a_raspberry_is_named_by_board_and_cores() -> None:
    assert name_cpu(RASPBERRY) == "Raspberry Pi 4 Model B Rev 1.4 (2x Cortex-A72)"
    assert name_cpu(RASPBERRY, "Raspberry Pi 4 Model B\0") == "Raspberry Pi 4 Model B (2x Cortex-A72)"
    assert find_features(RASPBERRY, "aarch64") == ("asimd",)


def test_cores_of_two_kinds_and_unknown_ones_are_counted() -> None:
    mixed = RASPBERRY.replace("0xd08", "0xd03", 1) + "CPU implementer : 0x51\nCPU part : 0x802\n"
    assert name_cpu(mixed, "Board") == "Board (1x Cortex-A53 + 1x Cortex-A72 + 1x core 0x51:0x802)"


def test_a_desktop_is_named_by_its_model_and_the_features_that_choose_kernels() -> None:
    assert name_cpu(DESKTOP) == "Some CPU @ 3 GHz"
    assert find_features(DESKTOP, "x86_64") == ("sse4_1", "avx", "fma", "avx2", "avx512_vnni")


def test_a_machine_that_says_nothing_is_unknown_and_not_an_error() -> None:
    assert (name_cpu(""), find_features("", "riscv64")) == ("unknown", ())


def test_this_machine_describes_itself_in_a_line() -> None:
    machine = this_machine()
    assert machine.describe().startswith(f"{platform.system()} {platform.machine()}, ")
    assert machine.cores >= 1


def test_a_version_is_the_installed_one_and_what_is_not_installed_has_an_unknown_one() -> None:
    assert version_of("inkgate") == metadata.version("inkgate")
    assert version_of("inkgate-of-tomorrow") == "unknown"
