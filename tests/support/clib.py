"""The firmware's C sources -> a shared library whose ASan and UBSan findings are Python exceptions.

    lib = clib.library("frame", "crc32", "mem")            # files of firmware/core, compiled once a test run
    crc = lib.function("ink_crc32", ctypes.c_uint32)       # from here on an ordinary function
    assert crc(lib.bytes(b"123456789"), 9) == 0xCBF43926

Give C only memory from `lib.bytes` or `lib.buffer` to read or write: touching one byte beside it is a finding.
"""

import ctypes
import functools
import hashlib
import subprocess
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from needs import require
from once import once

TWINS = Path(__file__).with_name("twins")
FIRMWARE = Path(__file__).parents[2] / "firmware_bridge" / "firmware"
CORE = FIRMWARE / "core"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
_LINK = ["gcc", "-shared", "-fsanitize=address"]
SANITIZERS = ["-fsanitize=address,undefined", "-fsanitize-recover=all", "-fno-omit-frame-pointer"]
REDZONE = 64


class SanitizerError(AssertionError):
    """The C did something undefined."""


class Library:
    """A shared library. Its functions raise SanitizerError for a finding in the call or in one before it."""

    def __init__(self, path: Path) -> None:
        # Load the runtime first: the address sanitizer asks it for options as soon as it is loaded.
        runtime = ctypes.CDLL(str(_runtime()))
        self._library = ctypes.CDLL(str(path))
        self._findings = ctypes.c_int.in_dll(runtime, "clib_findings")
        # getattr, because Python mangles names with two underscores.
        self._poisoned = getattr(self._library, "__asan_poison_memory_region")
        self._unpoisoned = getattr(self._library, "__asan_unpoison_memory_region")
        self._report = (ctypes.c_char * 4096).in_dll(runtime, "clib_report")

    def function(self, name: str, returns: Any = None, *arguments: Any) -> Callable[..., Any]:
        """Return the C function of that name.

        Without `arguments` ctypes takes integers, buffers and None as they come.
        """
        function = getattr(self._library, name)
        function.restype = returns
        if arguments:
            function.argtypes = arguments
        findings = self._findings

        def call(*given: Any) -> Any:
            result = function(*given)
            if findings.value:
                self.check()
            return result

        return call

    def value(self, name: str, kind: Any = ctypes.c_size_t) -> Any:
        """Return a variable of the library."""
        return kind.in_dll(self._library, name)

    def check(self) -> None:
        """Raise SanitizerError for a finding since the last check."""
        if self._findings.value:
            report = self._report.value.decode(errors="replace")
            self._findings.value = 0
            raise SanitizerError(report)

    def buffer(self, count: int) -> Any:
        """Return `count` zero bytes, aligned to 64; touching a byte beside them is a finding."""
        raw = (ctypes.c_uint8 * (count + 4 * REDZONE))()
        start = -ctypes.addressof(raw) % REDZONE + REDZONE
        begin, end = ctypes.addressof(raw), ctypes.addressof(raw) + ctypes.sizeof(raw)
        place = begin + start
        self._poison(begin, place - begin)
        self._poison(place + count, end - place - count)
        array = (ctypes.c_uint8 * count).from_buffer(raw, start)
        weakref.finalize(array, self._unpoison, raw, begin, end - begin).atexit = False
        return array

    def bytes(self, data: bytes) -> Any:
        """Return a buffer that holds the data."""
        array = self.buffer(len(data))
        ctypes.memmove(array, data, len(data))
        return array

    def _poison(self, place: int, count: int) -> None:
        self._poisoned(ctypes.c_void_p(place), ctypes.c_size_t(count))

    def _unpoison(self, raw: Any, place: int, count: int) -> None:
        self._unpoisoned(ctypes.c_void_p(place), ctypes.c_size_t(count))


def core_source(name: str) -> Path:
    """Return the file NAME.c in firmware/core or a room of it."""
    (path,) = CORE.rglob(f"{name}.c")
    return path


@functools.cache
def library(*sources: str | Path, flags: tuple[str, ...] = ()) -> Library:
    """Compile sources, once a test run, into a library. Skips where gcc is missing.

    sources: names of files in firmware/core without .c, or paths.
    """
    require("gcc")
    files = [source if isinstance(source, Path) else core_source(source) for source in sources]
    parts = [str(part) for part in (*(_object(file, flags) for file in files), _runtime())]
    return Library(_made("library.so", *_LINK, *parts, f"-Wl,-rpath,{_runtime().parent}"))


def _runtime() -> Path:
    """Return the library that receives findings, one for the process as the address sanitizer is.

    The undefined behaviour sanitizer is not linked: clib.c is its runtime.
    """
    return _made("libclib.so", *_LINK, "-std=gnu99", "-O1", "-fPIC", "-Wl,-soname,libclib.so", str(TWINS / "clib.c"))


def _object(file: Path, flags: tuple[str, ...]) -> Path:
    command = ["gcc", *WARNINGS, *flags, *SANITIZERS, "-O1", "-g", "-fPIC", "-I", str(CORE)]
    return _made(f"{file.stem}.o", *command, "-c", str(file))


@functools.cache
def _made(name: str, *command: str) -> Path:
    """Run a compiler's command once a test run and return the file it makes."""

    def make(folder: Path) -> Path:
        done = subprocess.run([*command, "-o", str(folder / name)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return folder / name

    return once(f"{name}-{hashlib.sha256(repr(command).encode()).hexdigest()[:16]}", make)
