"""A kind of call -> the faults that such a call can have: loud ones, which raise, and silent ones, which lie."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click
import msgspec
import numpy as np
from call_sites import ARRAY, CLOCK, DATABASE, DECODER, INTERPRETER, OUTPUT, SECRET, SYSTEM, THREAD
from cryptography.exceptions import InvalidSignature

Call = Callable[..., Any]


class Fault(NamedTuple):
    """What becomes of a call. make: gets the call, what it returned last, and its arguments."""

    name: str
    loud: bool
    make: Callable[[Call, Any, tuple[Any, ...], dict[str, Any]], Any]


class _NothingError(Exception):
    """No call came before."""


def _raising(name: str, error: Callable[[], BaseException]) -> Fault:
    def make(call: Call, last: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if getattr(call, "__name__", "") == "close":
            call(*arguments, **options)  # what fails to close is closed all the same
        raise error()

    return Fault(name, True, make)


def _system(code: int) -> Fault:
    return _raising(errno.errorcode[code], lambda: OSError(code, os.strerror(code)))


def _silent(name: str, result: Callable[[Any], Any]) -> Fault:
    """A call that is made, and whose result is another."""
    return Fault(name, False, lambda call, last, arguments, options: result(call(*arguments, **options)))


def _undone(call: Call, last: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Make no call, and answer what such a call answers."""
    name = getattr(call, "__name__", "")
    if name in ("execute", "executescript", "executemany"):
        return call.__self__.execute("SELECT 1 WHERE 0")  # type: ignore[attr-defined]
    if name == "write" and arguments and isinstance(arguments[0], bytes | bytearray | memoryview):
        return len(arguments[0])
    if name == "select":
        return [], [], []
    return _NOTHING.get(name)


_NOTHING: dict[str, Any] = {"fetchall": [], "read": b"", "read_bytes": b"", "read_text": "", "wait": 0}
"""What a call answers that found nothing; None where a name is missing."""
_DEEDS = frozenset(
    [
        "write",
        "flush",
        "fsync",
        "fchmod",
        "unlink",
        "replace",
        "rename",
        "mkdir",
        "chmod",
        "flock",
        "read",
        "read_bytes",
        "read_text",
        "select",
        "exists",
        "is_file",
        "wait",
        "execute",
        "executescript",
        "fetchone",
        "fetchall",
        "print",
        "control",
        "echo",
        "allocate_tensors",
        "reset_all_variables",
        "invoke",
        "set_tensor",
        "note",
    ]
)
"""Calls that can be passed over; one that hands something out cannot."""
_DIGESTS = ("hashlib", "_hashlib", "_blake2", "hmac", "_operator")
_HANDLES = {"open", "fdopen", "connect", "Popen", "serial_for_url", "execute", "executescript", "write", "close"}
"""Calls whose earlier answer is nobody's any more, or says nothing."""


def _is_digest(call: Call) -> bool:
    modules = (getattr(of, "__module__", None) or "" for of in (call, type(getattr(call, "__self__", 0))))
    return any(module.startswith(_DIGESTS) for module in modules)


def _stale(call: Call, last: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return call(*arguments, **options) if last is _UNKNOWN else last


_UNKNOWN = object()
"""What a call returned last, before the first one."""
UNDONE, STALE = Fault("does nothing", False, _undone), Fault("answers as before", False, _stale)


def _half(result: Any) -> Any:
    if isinstance(result, bytes | str):
        return result[: len(result) // 2]
    return result


def _short_write(call: Call, last: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if isinstance(arguments[0], bytes | bytearray | memoryview):
        return call(arguments[0][: len(arguments[0]) // 2])
    return call(*arguments, **options)


def _nan(result: Any) -> Any:
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return np.full_like(result, np.nan)
    if isinstance(result, np.floating):
        return type(result)(np.nan)
    return result


class _Closing:
    """A file whose closing fails, after it was closed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __enter__(self) -> "_Closing":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _closing(result: Any) -> Any:
    return _Closing(result) if hasattr(result, "write") and hasattr(result, "fileno") else result


class _Unread:
    """What a statement found, which cannot be read."""

    def fetchone(self) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    fetchall = __iter__ = fetchone


def _moved(seconds: float) -> Callable[[Any], Any]:
    return lambda result: result + type(result)(seconds) if isinstance(result, int | float) else result


MEMORY = _raising("MemoryError", MemoryError)

FAULTS: dict[str, tuple[Fault, ...]] = {
    SYSTEM: (
        *map(_system, (errno.ENOSPC, errno.EACCES, errno.ENOENT)),
        _raising("TimeoutError", lambda: TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))),
        MEMORY,
        UNDONE,
        STALE,
        _silent("reads half", _half),
        Fault("writes half", False, _short_write),
        _silent("cannot be closed", _closing),
    ),
    DATABASE: (
        _raising("disk full", lambda: sqlite3.OperationalError("database or disk is full")),
        _raising("malformed", lambda: sqlite3.DatabaseError("database disk image is malformed")),
        MEMORY,
        UNDONE,
        STALE,
        _silent("cannot be read", lambda _: _Unread()),
    ),
    CLOCK: (
        _system(errno.EINVAL),
        _silent("a day forward", _moved(86_400)),
        _silent("a day back", _moved(-86_400)),
        STALE,
        _silent("NaN", lambda result: float("nan") if isinstance(result, float) else result),
    ),
    OUTPUT: (*map(_system, (errno.ENOSPC, errno.EIO, errno.EPIPE)), MEMORY, UNDONE),
    INTERPRETER: (
        _raising("RuntimeError", lambda: RuntimeError("node 3 failed")),
        _raising("ValueError", lambda: ValueError("no such tensor")),
        MEMORY,
        UNDONE,
        STALE,
        _silent("NaN", _nan),
    ),
    DECODER: (
        _raising("DecodeError", lambda: msgspec.DecodeError("malformed")),
        MEMORY,
    ),
    SECRET: (MEMORY, _raising("not authentic", InvalidSignature), STALE),
    ARRAY: (MEMORY, _silent("NaN", _nan)),
    THREAD: (_raising("no thread", lambda: RuntimeError("can't start new thread")), MEMORY),
}
"""Of every kind: all that is tried."""

_MEANT_FOR = {
    "does nothing": lambda call: getattr(call, "__name__", "") in _DEEDS,
    "answers as before": lambda call: (
        getattr(call, "__name__", "") not in _HANDLES and not isinstance(call, type) and not _is_digest(call)
    ),
    "not authentic": lambda call: getattr(call, "__name__", "") == "verify",
    "DecodeError": lambda call: getattr(call, "__name__", "").endswith("decode"),
    "reads half": lambda call: getattr(call, "__name__", "") in ("read", "read_bytes", "read_text", "recv"),
    "writes half": lambda call: getattr(call, "__name__", "") == "write",
    "cannot be closed": lambda call: getattr(call, "__name__", "") in ("open", "fdopen"),
    "no thread": lambda call: getattr(call, "__name__", "") == "start",
    "cannot be read": lambda call: getattr(call, "__name__", "") == "execute",
}


def faults_of(kind: str, call: Call, result: Any) -> list[str]:
    """Return the names of the faults that are tried at a call of that kind, which gave this.

    Of arrays it is one: NaN where that can be, else no memory.
    """
    if kind == ARRAY:
        return ["NaN" if isinstance(result, np.ndarray | np.floating) and result.dtype.kind == "f" else "MemoryError"]
    own_output = kind == OUTPUT and isinstance(call, type) and issubclass(call, click.ClickException)
    return [] if own_output else [f.name for f in FAULTS[kind] if _MEANT_FOR.get(f.name, lambda _: True)(call)]


def fault(kind: str, name: str) -> Fault:
    """Return a fault by its name."""
    return next(f for f in FAULTS[kind] if f.name == name)
