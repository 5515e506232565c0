"""The C sources pass cppcheck and a second compiler; core has no libc, float or allocation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import clib
import pytest
from needs import require

CORE = sorted(clib.CORE.rglob("*.c"))
EVERY = sorted(path for path in clib.FIRMWARE.rglob("*.[ch]"))


@pytest.mark.needs("cppcheck")
def test_cppcheck_finds_nothing() -> None:
    kinds = "--enable=warning,style,performance,portability"
    folders = [f"-I{clib.CORE}", f"-I{clib.FIRMWARE / 'boards'}", str(clib.FIRMWARE)]
    command = ["cppcheck", "--std=c99", kinds, "--error-exitcode=1", "--quiet", "--inline-suppr", *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def second_compiler() -> list[str]:
    """Return the command of clang, or of zig's."""
    if shutil.which("clang"):
        return ["clang"]
    require("ziglang")
    return [sys.executable, "-m", "ziglang", "cc"]


@pytest.mark.parametrize("bits", [1, 8])
def test_a_second_compiler_has_no_warning_for_core(bits: int, tmp_path: Path) -> None:
    command = [*second_compiler(), *clib.WARNINGS, "-ffreestanding", f"-I{clib.CORE}", f"-DINK_PIXEL_BITS={bits}", "-c"]
    done = subprocess.run([*command, *map(str, CORE)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(clib.CORE.rglob("*.[ch]")), ids=lambda path: path.name)
def test_core_has_no_float_no_allocation_no_register_and_no_libc(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", path.read_text(), flags=re.S)
    allowed = {"stdbool.h", "stddef.h", "stdint.h"}
    assert set(re.findall(r"#include <(.*?)>", text)) <= allowed
    assert not re.findall(r"\b(float|double|malloc|calloc|realloc|free|alloca|goto|setjmp)\b", text)
    assert not re.findall(r"\b\d+\.\d", text)
    assert not re.findall(r"\(volatile uint\d+_t \*\) ?\(?0x", text)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_is_short_and_a_header_says_what_becomes_of_what(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    if path.suffix == ".h":
        assert text.startswith("/*")
