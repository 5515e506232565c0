"""Public homes of a source's files -> the data folder, by downloads that resume, checked by SHA-256."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.files import unwritable
from train.data.mnist import SourceFile, decompressed
from train.errors import CorruptDataError, DownloadError

Progress = Callable[[SourceFile, int, int | None], None]
"""Progress callback: the file, the bytes that have arrived, the bytes expected (None if the server does not say)."""

ATTEMPTS = 5
TIMEOUT_S = 30.0

_BLOCK = 1 << 16
_BROKEN_OFF = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


@dataclass(frozen=True)
class Fetched:
    """A file of the data folder and how it came there.

    status: "present" or "downloaded". transferred: in bytes. url: the home that delivered it, "" if it was present.
    """

    path: Path
    status: str
    transferred: int
    url: str = ""


def fetch(
    folder: Path, files: tuple[SourceFile, ...], progress: Progress | None = None, pause_s: float = 1.0
) -> list[Fetched]:
    """Bring every file into the folder; those that lie there intact are left alone.

    Raises DownloadError, which names the file that could not be had.
    """
    return [fetch_file(folder, source, progress, pause_s) for source in files]


def fetch_file(folder: Path, source: SourceFile, progress: Progress | None = None, pause_s: float = 1.0) -> Fetched:
    """Bring one file into the folder, from its first home that delivers what was published.

    What has arrived is kept in FILE.part, so that a transfer that breaks off goes on from there, in this call (up to
    ATTEMPTS times, `pause_s` longer apart each time) and in the next. The file appears under its name only when whole.
    Raises DownloadError when no home delivers it, UnwritableError when it cannot be written.
    """
    target = folder / source.path
    if _intact(target, source):
        return Fetched(target, "present", 0)
    part = target.with_name(target.name + ".part")
    reasons: list[str] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in source.urls:
            try:
                transferred = _transfer(url, part, source, progress, pause_s)
            except (DownloadError, CorruptDataError) as error:
                reasons.append(f"{url}: {error}")
                continue
            part.replace(target)
            return Fetched(target, "downloaded", transferred, url)
    except OSError as error:
        raise unwritable(target, error, "name another folder in --data-dir or $INKGATE_DATA") from error
    raise DownloadError(
        f"{source.path} could not be fetched; run `inkgate data fetch` again to go on where it broke off, or put the "
        f"file into {target.parent} by hand\n  " + "\n  ".join(reasons)
    )


def _intact(path: Path, source: SourceFile) -> bool:
    try:
        decompressed(path, source)
    except CorruptDataError:
        return False
    return True


def _transfer(url: str, part: Path, source: SourceFile, progress: Progress | None, pause_s: float) -> int:
    """Fill `part` from one home until it is whole and verified; return the bytes transferred.

    Raises DownloadError when the home does not deliver.
    """
    transferred, reason = 0, ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_s * attempt)
        have = _size(part)
        reason = _try_once(url, part, source, progress)
        transferred += max(0, _size(part) - have)
        if not reason:
            if _intact(part, source):
                return transferred
            part.unlink(missing_ok=True)
            reason = "what it sends is not the published file: its SHA-256 or its size differs"
            if not have:
                break
    raise DownloadError(reason)


def _try_once(url: str, part: Path, source: SourceFile, progress: Progress | None) -> str:
    """Return why the transfer is not complete, "" if it is. DownloadError when trying again is pointless."""
    try:
        return "" if _receive(url, part, source, progress) else "the connection was closed early"
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the server has nothing more to send: `part` is whole, or part of another file
            return ""
        reason = f"the server answers {error.code} {error.reason}"
        if error.code < 500:
            raise DownloadError(reason) from error
        return reason
    except _BROKEN_OFF as error:
        return str(error) or type(error).__name__


def _receive(url: str, part: Path, source: SourceFile, progress: Progress | None) -> bool:
    """Append to `part` what it lacks, or start over if the server cannot resume.

    Returns whether all of it has arrived.
    """
    have = _size(part)
    headers = {"User-Agent": "inkgate", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumed else "wb") as stream:
            while block := answer.read(_BLOCK):
                stream.write(block)
                have += len(block)
                if progress:
                    progress(source, have, total)
                if have > source.size:
                    return True  # larger than the file it should decompress to: the check will refuse it
    return total is None or have >= total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
