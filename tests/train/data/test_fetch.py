"""Downloads over a real HTTP server on localhost that breaks off, lies or is absent."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.errors import UnwritableError
from train.data.fetch import fetch_file
from train.data.mnist import SourceFile
from train.errors import DownloadError

RAW = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
PACKED = gzip.compress(RAW)


@dataclass
class Home:
    """A server whose behaviour a test sets: what it serves, where it breaks off, whether it can resume."""

    url: str = ""
    body: bytes = PACKED
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def home() -> Iterator[Home]:
    state = Home()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(asked.split("=")[1].rstrip("-")) if asked and state.ranges else 0
            if state.status >= 400:
                self.send_error(state.status)
                return
            if start >= len(state.body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.body) - 1}/{len(state.body)}")
            self.send_header("Content-Length", str(len(state.body) - start))
            self.end_headers()
            end = start + state.break_after.pop(0) if state.break_after else len(state.body)
            self.wfile.write(state.body[start:end])

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/file.gz"
    yield state
    server.shutdown()
    server.server_close()


def source(*urls: str) -> SourceFile:
    return SourceFile("set/file.gz", urls, len(RAW), hashlib.sha256(RAW).hexdigest())


def test_a_file_arrives_whole_with_progress(home: Home, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    result = fetch_file(tmp_path, source(home.url), lambda _, done, total: seen.append((done, total)))
    assert (result.status, result.transferred, result.url) == ("downloaded", len(PACKED), home.url)
    assert gzip.decompress((tmp_path / "set/file.gz").read_bytes()) == RAW
    assert seen[-1] == (len(PACKED), len(PACKED))
    assert list((tmp_path / "set").iterdir()) == [tmp_path / "set/file.gz"]


def test_a_broken_transfer_goes_on_where_it_broke_off(home: Home, tmp_path: Path) -> None:
    home.break_after = [100_000, 50_000]
    result = fetch_file(tmp_path, source(home.url), pause_s=0)
    assert home.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert result.transferred == len(PACKED)


def test_a_part_from_an_earlier_call_is_not_fetched_again(home: Home, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz.part").write_bytes(PACKED[:200_000])
    assert fetch_file(tmp_path, source(home.url)).transferred == len(PACKED) - 200_000


def test_a_whole_part_is_taken_when_nothing_is_left_to_send(home: Home, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz.part").write_bytes(PACKED)
    assert fetch_file(tmp_path, source(home.url)).transferred == 0


def test_a_server_that_cannot_resume_is_read_from_the_start(home: Home, tmp_path: Path) -> None:
    home.ranges, home.break_after = False, [100_000]
    fetch_file(tmp_path, source(home.url), pause_s=0)
    assert gzip.decompress((tmp_path / "set/file.gz").read_bytes()) == RAW


def test_a_part_of_something_else_is_thrown_away(home: Home, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz.part").write_bytes(b"x" * 1000)
    fetch_file(tmp_path, source(home.url), pause_s=0)
    assert gzip.decompress((tmp_path / "set/file.gz").read_bytes()) == RAW


def test_an_intact_file_is_left_alone(home: Home, tmp_path: Path) -> None:
    fetch_file(tmp_path, source(home.url))
    assert fetch_file(tmp_path, source(home.url)).status == "present"
    assert len(home.asked) == 1


@pytest.mark.parametrize(
    "spoilt",
    [PACKED[:-5000], gzip.compress(b"something else"), b"<html>not a file</html>"],
    ids=["cut-short", "another-file", "a-page"],
)
def test_a_spoilt_file_in_the_folder_is_replaced(home: Home, tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz").write_bytes(spoilt)
    fetch_file(tmp_path, source(home.url))
    assert gzip.decompress((tmp_path / "set/file.gz").read_bytes()) == RAW


@pytest.mark.parametrize(
    "body",
    [gzip.compress(RAW[:-1] + b"!"), b"<html>log in first</html>", PACKED + b"x" * 400_000],
    ids=["another-byte", "a-page", "more-than-was-published"],
)
def test_what_is_not_the_published_file_never_gets_its_name(home: Home, tmp_path: Path, body: bytes) -> None:
    home.body = body
    with pytest.raises(DownloadError, match="inkgate data fetch"):
        fetch_file(tmp_path, source(home.url), pause_s=0)
    assert not (tmp_path / "set/file.gz").exists()


def test_the_second_home_is_asked_when_the_first_has_no_such_file(home: Home, tmp_path: Path) -> None:
    elsewhere = "http://127.0.0.1:1/file.gz"  # port 1: nothing listens
    assert fetch_file(tmp_path, source(elsewhere, home.url), pause_s=0).url == home.url


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (503, 5)])
def test_a_refusal_is_final_and_an_overloaded_server_is_asked_again(
    home: Home, tmp_path: Path, status: int, asked: int
) -> None:
    home.status = status
    with pytest.raises(DownloadError, match=str(status)):
        fetch_file(tmp_path, source(home.url), pause_s=0)
    assert len(home.asked) == asked


def test_a_transfer_that_keeps_breaking_off_leaves_its_part_for_the_next_call(home: Home, tmp_path: Path) -> None:
    home.break_after = [1000] * 5
    with pytest.raises(DownloadError, match="again to go on"):
        fetch_file(tmp_path, source(home.url), pause_s=0)
    assert (tmp_path / "set/file.gz.part").read_bytes() == PACKED[:5000]


def test_a_folder_that_cannot_be_written_is_named(home: Home, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(UnwritableError, match="cannot be written"):
        fetch_file(tmp_path, source(home.url))
