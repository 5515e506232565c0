"""INFO of a refused board -> the error that says why, with the commands that help.

The commands name the placeholder PORT, which LinkError.at replaces.
"""

from firmware_bridge.boards import BOARDS
from firmware_bridge.session.errors import (
    PORT,
    AuthenticationError,
    CounterError,
    DowngradeError,
    KeyMissingError,
    PixelDepthError,
    ProtocolMismatchError,
    UnprovisionedError,
    WrongKeyError,
)
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.pixels import depth


def provisioning(model: str, *options: str) -> str:
    """Return the command that gives a board of the model a key; empty if such a board is not flashed."""
    known = model in BOARDS and BOARDS[model].methods
    return " ".join((f"inkgate firmware provision --board {model}", *options, f"--port {PORT}")) if known else ""


def key_missing(info: wire.Info) -> KeyMissingError:
    """Return the error for a board that has a key which this host does not know."""
    command = provisioning(info.model, "--again")
    other = f"`{command}` gives it another" if command else "erase its memory"
    return KeyMissingError(
        f"board {info.board} has a key and this host does not: copy its key file from the host that provisioned it, or "
        f"{other}"
    )


def unprovisioned(info: wire.Info) -> UnprovisionedError:
    """Return the error for a board that has no key and may not do without one."""
    command = provisioning(info.model)
    gives = f"`{command}` gives it one" if command else "a simulated board has one without --no-key"
    return UnprovisionedError(
        f"board {info.board} has no key, so anybody on the line could write in its place: {gives}, "
        "--allow-unauthenticated does without"
    )


def turned_back(info: wire.Info, seen: int) -> CounterError:
    """Return the error for a board that proves its key but counts fewer starts than `seen`."""
    command = provisioning(info.model, "--again")
    return CounterError(
        f"board {info.board} says that it was started {info.session} times and was seen at {seen}: its memory was "
        f"turned back{f'; `{command}` gives it a new key' if command else ''}"
    )


def impostor(info: wire.Info) -> AuthenticationError:
    """Return the error for an INFO that does not prove the key which this host knows of the board."""
    if not info.provisioned:
        command = provisioning(info.model)
        return DowngradeError(
            f"something on the line calls itself {info.board} and has no key, but this host knows that board's key"
            f"{f': if its memory was erased, `{command}` gives it a new one' if command else ''}"
        )
    return WrongKeyError(
        f"something on the line calls itself {info.board} and has another key than this host knows: it is another "
        "board, or another host provisioned it"
    )


def other_depth(info: wire.Info, needed: int) -> PixelDepthError:
    """Return the error for a board that sends another depth than the `needed` bits a pixel.

    It proposes to build other firmware only for a real board: a virtual board has none.
    """
    build = f"`inkgate firmware build {_program(info)} --set pixel_bits={needed}`"
    if info.model in BOARDS and needed in BOARDS[info.model].pixel_bits:
        change = f", or flash what {build} makes" + (f": `{flash}`" if (flash := _flash(info)) else "")
    else:
        change = ", or another board"
    return PixelDepthError(
        f"board {info.board} sends {depth(info.pixel_bits)} and not {needed} as is needed: use a bundle trained with "
        f"{info.pixel_bits}{change}"
    )


def mismatch(protocol_hash: bytes, info: wire.Info | None) -> ProtocolMismatchError:
    """Return the error for a board that speaks another protocol.

    `info` is its INFO if that can be decoded in this protocol, else None.
    """
    flash = info and _flash(info)
    build = f"`inkgate firmware build {_program(info)}` and " if info and flash else ""
    renew = f"{build}`{flash or 'inkgate firmware flash IMAGE'}` {'renew' if build else 'renews'}"
    return ProtocolMismatchError(
        f"board and host do not speak one protocol: the board's is {protocol_hash.hex()}, the host's "
        f"{wire.PROTOCOL_HASH.hex()}: give both the same version of inkgate (`inkgate --version` shows the host's, "
        f"{renew} the board)"
    )


def _program(info: wire.Info) -> str:
    return f"{info.model} {info.kind.name.lower()}"


def _flash(info: wire.Info, *options: str) -> str:
    """Return the command that flashes the image which `inkgate firmware build` makes for such a board.

    Empty if the model is unknown or cannot be flashed.
    """
    methods = BOARDS[info.model].methods if info.model in BOARDS else ()
    port = () if methods == ("swd",) else ("--port", PORT)
    image = f"build/firmware/{_program(info).replace(' ', '-')}.img"
    return " ".join(("inkgate firmware flash", image, *options, *port)) if methods else ""
