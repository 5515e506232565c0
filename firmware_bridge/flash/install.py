"""A checked image and a way into a board -> the image in its flash, read back; or the reason why not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_bridge import boards
from firmware_bridge.boards import HEADER_BYTES, HEADER_OFFSET, Board
from firmware_bridge.build import image, uf2
from firmware_bridge.build.errors import ImageError, OlderImageError, WrongBoardError
from firmware_bridge.build.image import Header, Verifier, Version
from firmware_bridge.flash.errors import ReadBackError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes done, bytes in all."""


class Programmer(Protocol):
    """An open way into one board's flash. Its methods raise FlashError."""

    board: Board
    method: str
    where: str
    """The port, drive or probe, for people."""

    def part(self) -> int | None:
        """What the part says that it is, as Board.chip_id; None if this way cannot tell."""
        ...

    def read(self, address: int, size: int, progress: Progress) -> bytes:
        """What the flash holds."""
        ...

    def write(self, data: bytes, progress: Progress) -> int:
        """Put `data` at the start of the flash, erasing what must be, and nothing of the store; the bytes written.

        What is there already is not written again, so that an interrupted flashing goes on where it stopped.
        """
        ...

    def erase_store(self) -> None:
        """Erase the board's key and counters."""
        ...

    def start(self) -> None:
        """Let the board run what it was given."""
        ...


@dataclass(frozen=True)
class Flashed:
    """What was done: `written` of the image's bytes, the others were there; `before` is what was on the board."""

    header: Header
    before: Header | None
    written: int


def load(path: Path) -> tuple[bytes, Header]:
    """An image's file, .img or .uf2 -> its bytes and header, checked but for the signature."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}: `inkgate firmware build` makes images") from error
    try:
        return unpack(data)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error


def unpack(data: bytes) -> tuple[bytes, Header]:
    """The bytes of a .img or .uf2 file -> the image and its header, checked but for the signature."""
    if not uf2.is_uf2(data):
        return data, image.check(data)
    origin, content, family = uf2.decode(data)
    header = image.read_header(content)
    if header is None:
        raise ImageError("a UF2 file, but of no inkgate image")
    if not content[header.size :].strip(b"\xff"):
        content = content[: header.size]  # without what fills the last block
    header = image.check(content)
    board = boards.find(header.board)
    if (origin, family) != (board.flash.origin, board.uf2_family):
        raise WrongBoardError(f"a UF2 file for family {family:#010x} at {origin:#010x} with an image for {board.name}")
    return content, header


def check_version(header: Header, at_least: Version | None, source: str) -> None:
    """Refuse an image that is older than what the board has had; `source` says whence that is known."""
    if at_least is not None and header.version < at_least:
        newer = ".".join(map(str, at_least))
        raise OlderImageError(
            f"downgrade: version {header.version_text} after {newer}, {source}: --allow-downgrade takes it all the same"
        )


def flash(
    content: bytes,
    header: Header,
    programmer: Programmer,
    trusted: Iterable[Verifier],
    *,
    allow_downgrade: bool = False,
    erase_key: bool = False,
    progress: Progress = lambda what, done, total: None,
    unfinished: Version | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Flashed:
    """Put a loaded image into the board behind `programmer`, read it back, and start it. The board keeps its key.

    The part and what it holds are looked at first; nothing is written before everything has been checked. Then `begin`
    is called. A board that holds no header may have been broken off at `unfinished`: it takes nothing older.
    """
    board = programmer.board
    part = programmer.part()
    if part is not None and board.chip_id is not None and part != board.chip_id:
        raise WrongBoardError(
            f"wrong board: {programmer.where} is a part {part:#x}, {board.name} is {board.chip_id:#x}"
        )
    before = read_installed(programmer)
    if before is not None and before.board != header.board:
        raise WrongBoardError(f"wrong board: {programmer.where} is a {before.board}, the image is for {header.board}")
    if header.board != board.name:
        raise WrongBoardError(f"wrong board: the image is for {header.board}, this is {board.name}")
    image.check_signature(header, trusted)
    if not allow_downgrade:
        broken_off = f"at which flashing a {board.name} was broken off here, if not this one"
        at_least, source = (before.version, "which it holds") if before else (unfinished, broken_off)
        check_version(header, at_least, source)
    begin()
    if erase_key:
        programmer.erase_store()
    written = programmer.write(content, progress)
    held = programmer.read(board.flash.origin, len(content), lambda _, done, total: progress("checking", done, total))
    compare(content, held, programmer)
    programmer.start()
    return Flashed(header, before, written)


def read_installed(programmer: Programmer) -> Header | None:
    """The header of the image that a board holds; None if it holds none."""
    start = programmer.read(programmer.board.flash.origin + HEADER_OFFSET, HEADER_BYTES, lambda what, done, total: None)
    try:
        return image.read_header(bytes(HEADER_OFFSET) + start)
    except ImageError:
        return None


def compare(expected: bytes, found: bytes, programmer: Programmer) -> None:
    """ReadBackError, with the place, unless both are the same."""
    if expected == found:
        return
    wrong = [place for place, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]]
    count = len(wrong) + abs(len(expected) - len(found))
    address = programmer.board.flash.origin + (wrong[0] if wrong else min(len(expected), len(found)))
    raise ReadBackError(
        f"{programmer.where}: the flash does not hold the image: {count:,} of {len(expected):,} bytes differ, "
        f"the first at {address:#010x}: flash it again; if that does not help, the flash is worn out or its supply bad"
    )
