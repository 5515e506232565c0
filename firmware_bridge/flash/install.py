"""A checked image and a way into a board -> the image in its flash, read back, or an error."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_bridge import boards
from firmware_bridge.boards import HEADER_BYTES, HEADER_OFFSET, Board
from firmware_bridge.build import image, uf2
from firmware_bridge.build.errors import ImageError, OlderImageError, WrongBoardError
from firmware_bridge.build.image import Header, Verifier, Version
from firmware_bridge.files import read_file
from firmware_bridge.flash.errors import ReadBackError

Progress = Callable[[str, int, int], None]
"""Progress callback, called with the activity, the bytes done and the bytes in all."""


class Programmer(Protocol):
    """An open connection to the flash of one board. Its methods raise FlashError."""

    board: Board
    method: str
    where: str
    """The port or probe, as messages name it."""

    def part(self) -> int | None:
        """Return the id that the part reports, comparable to Board.chip_id; None if it cannot be read."""
        ...

    def read(self, address: int, size: int, progress: Progress) -> bytes:
        """Return `size` bytes of the flash from `address` on."""
        ...

    def write(self, data: bytes, progress: Progress) -> int:
        """Write `data` to the start of the flash and return how many bytes were written.

        Only what must be erased is erased, and never the store. What the flash holds already is not written again, so
        that an interrupted flashing goes on where it stopped.
        """
        ...

    def erase_store(self) -> None:
        """Erase the board's key and counters."""
        ...

    def write_store(self, slot: bytes, progress: Progress) -> None:
        """Write `slot`, board_store.SLOT_BYTES bytes, to the start of the store, which is erased."""
        ...

    def start(self) -> None:
        """Start the program in the board's flash."""
        ...


@dataclass(frozen=True)
class Flashed:
    """The result of flashing.

    header  the image's header
    before  the header that the board held before; None if it held none or cannot be asked
    written  how many bytes of the image were written; the flash held the others already
    """

    header: Header
    before: Header | None
    written: int


def load(path: Path) -> tuple[bytes, Header]:
    """Return the image in a .img or .uf2 file and its header, checked but for the signature.

    Raises ImageError, with the path in its text, if the file cannot be read or holds no valid image.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}: `inkgate firmware build` makes images") from error
    try:
        return unpack(data)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error


def unpack(data: bytes) -> tuple[bytes, Header]:
    """Return the image in the bytes of a .img or .uf2 file and its header, checked but for the signature.

    Raises ImageError; WrongBoardError if the UF2 file is for another part than its image.
    """
    if not uf2.is_uf2(data):
        return data, image.check(data)
    origin, content, family = uf2.decode(data)
    header = image.read_header(content)
    if header is None:
        raise ImageError("a UF2 file, but of no inkgate image")
    if not content[header.size :].strip(b"\xff"):
        content = content[: header.size]  # without the fill of the last UF2 block
    header = image.check(content)
    board = boards.find(header.board)
    if (origin, family) != (board.flash.origin, board.uf2_family):
        raise WrongBoardError(f"a UF2 file for family {family:#010x} at {origin:#010x} with an image for {board.name}")
    return content, header


def check_version(header: Header, at_least: Version | None, source: str) -> None:
    """Refuse, with OlderImageError, an image that is older than `at_least`; None allows every version.

    `source` says in the message how `at_least` is known.
    """
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
    finish: Callable[[], None] = lambda: None,
) -> Flashed:
    """Write a loaded image to the board of `programmer`, read it back, and start it.

    Nothing is written before everything has been checked: the part, the board and version of the image that it holds,
    and the signature. Then `begin` is called, and `finish` before the program is started. The board keeps its key
    unless `erase_key`.

    `unfinished` is the version whose flashing was interrupted on a board of this model. A board without a header may be
    that board, so nothing older is written to it.

    Raises WrongBoardError, UnsignedImageError, UntrustedImageError or OlderImageError before anything is written,
    ReadBackError if the flash does not hold the image afterwards, and the FlashErrors of `programmer`.
    """
    board, before = programmer.board, require_board(programmer)
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
    finish()
    programmer.start()
    return Flashed(header, before, written)


def require_board(programmer: Programmer) -> Header | None:
    """Return the header of the image that the board holds, as `read_installed` does.

    WrongBoardError if the part, or that image, is not of the programmer's board.
    """
    board, part = programmer.board, programmer.part()
    if part is not None and board.chip_id is not None and part != board.chip_id:
        raise WrongBoardError(
            f"wrong board: {programmer.where} is a part {part:#x}, {board.name} is {board.chip_id:#x}"
        )
    installed = read_installed(programmer)
    if installed is not None and installed.board != board.name:
        raise WrongBoardError(f"wrong board: {programmer.where} is a {installed.board}, not a {board.name}")
    return installed


def read_installed(programmer: Programmer) -> Header | None:
    """Return the header of the image that a board holds; None if it holds none that this inkgate knows."""
    start = programmer.read(programmer.board.flash.origin + HEADER_OFFSET, HEADER_BYTES, lambda what, done, total: None)
    try:
        return image.read_header(bytes(HEADER_OFFSET) + start)
    except ImageError:
        return None


def compare(expected: bytes, found: bytes, programmer: Programmer) -> None:
    """Raise ReadBackError, which names the first difference, unless both are equal."""
    if expected == found:
        return
    wrong = [place for place, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]]
    count = len(wrong) + abs(len(expected) - len(found))
    address = programmer.board.flash.origin + (wrong[0] if wrong else min(len(expected), len(found)))
    raise ReadBackError(
        f"{programmer.where}: the flash does not hold the image: {count:,} of {len(expected):,} bytes differ, "
        f"the first at {address:#010x}: flash it again; if that does not help, the flash is write-protected, "
        "worn out, or its supply bad"
    )
