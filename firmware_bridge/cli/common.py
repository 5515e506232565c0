"""Options, completion, trusted keys and output that the commands of `inkgate firmware` share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.errors import ImageError
from firmware_bridge.build.image import Header
from firmware_bridge.build.settings import SETTINGS
from firmware_bridge.cli.options import plain_console
from firmware_bridge.trust import signing
from firmware_bridge.trust.folder import signing_folder
from firmware_bridge.trust.signing import TrustedKey

path_type = click.Path(path_type=Path)
trust_option = click.option(
    "--trust",
    "trusted_paths",
    type=path_type,
    multiple=True,
    help="A public key whose images are taken too.",
)


def complete_board(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a board."""
    return [CompletionItem(board.name, help=board.title) for board in BOARDS.values() if board.name.startswith(begun)]


def complete_app(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of an app: of the BOARD that was named, or else of any board."""
    named = BOARDS.get(ctx.params.get("board") or "")
    apps = dict.fromkeys(app for board in ([named] if named else BOARDS.values()) for app in board.apps)
    return [CompletionItem(app) for app in apps if app.startswith(begun)]


def complete_setting(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a setting to `NAME=`, with its range as help.

    Offers the settings of the app that was named, or all if none was.
    """
    words = {
        ctx.params.get("app"),
        *ctx.args,
    }  # while an option lacks its value, click leaves the arguments in ctx.args
    possible = [each for each in SETTINGS.values() if words & set(each.apps)] or list(SETTINGS.values())
    return [
        CompletionItem(f"{each.name}=", help=f"{each.range_text}: {each.meaning}")
        for each in possible
        if each.name.startswith(begun)
    ]


def trusted_keys(paths: tuple[Path, ...]) -> list[TrustedKey]:
    """Return the public keys in these files, and the user's own if there is one."""
    own = signing.public_of(signing_folder() / signing.SECRET_NAME)
    return [signing.load_trusted_key(path) for path in (*paths, *([own] if own.exists() else []))]


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Add the path of the image to the text of an ImageError."""
    try:
        yield
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error


def described(header: Header) -> dict[str, Any]:
    """Return the fields that describe an image in JSON output."""
    return {
        "board": header.board,
        "app": header.app,
        "version": header.version_text,
        "firmware": header.firmware,
        "bytes": header.size,
        "sha256": header.sha256.hex(),
        "protocol": header.protocol_hash.hex(),
        "signed_by": header.key_id.hex() if header.key_id else None,
    }


def shares_terminal(stream: int = 2) -> bool:
    """Return whether another program writes to this terminal, so that nothing may be redrawn on it.

    True for a background job (`inkgate simulate ... &`): a shell with job control gives the terminal to another process
    group; a shell without it gives the job /dev/null as stdin.
    """
    if not os.isatty(stream):
        return False
    return os.tcgetpgrp(stream) != os.getpgrp() or not os.isatty(0)


def progress_console() -> Console:
    """Return a console on stderr that draws bars and spinners only where they disturb no other program."""
    return plain_console(force_terminal=False if shares_terminal() else None)
