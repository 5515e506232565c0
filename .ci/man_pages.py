"""inkgate's commands -> manual pages in roff, one for each: `python .ci/man_pages.py FOLDER`."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

import inkgate

SECTION: Final = 1
_SPECIAL: Final = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
"""What roff would take for something else, or set as a typographer's character -> how to name it."""

_KEPT: Final = "\b"
"""A paragraph that begins with a line of this is set as it is written: click's mark."""


class Page(NamedTuple):
    """A manual page: its file's name, and its text."""

    name: str
    text: str


def escape(text: str) -> str:
    """Return text that roff prints as it is; a line of it is never a request."""
    lines = ("".join(_SPECIAL.get(character, character) for character in line) for line in text.split("\n"))
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in lines)


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[Page]:
    """Yield the page of a command, then those of the commands below it; hidden ones have none."""
    context = click.Context(command, info_name=name, parent=parent)
    below = _below(command, context)
    yield Page(f"{_title(context)}.{SECTION}", page(context, below))
    for each, its_command in below.items():
        yield from pages(its_command, each, context)


def page(context: click.Context, below: dict[str, click.Command]) -> str:
    """Return the roff of a command's page. `below` are the commands below it, by name."""
    title, command = _title(context), context.command
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{escape(title.upper())}" {SECTION} "" "{escape(f"inkgate {_version()}")}" "inkgate"',
        ".SH NAME",
        rf"{escape(title)} \- {escape(_summary(command))}",
        ".SH SYNOPSIS",
        rf"\fB{escape(context.command_path)}\fR {escape(usage)}",
        ".SH DESCRIPTION",
        *_prose(inspect.cleandoc(command.help or "")),
    ]
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    lines += [".SH OPTIONS"] * bool(records)
    for option, meaning in records:
        lines += [".TP", rf"\fB{escape(option)}\fR", escape(meaning) or r"\&"]
    lines += [".SH COMMANDS"] * bool(below)
    for each, its_command in below.items():
        lines += [".TP", rf"\fB{escape(f'{title}-{each}')}\fR({SECTION})", escape(_summary(its_command))]
    if context.parent is not None:
        seen = sorted({"inkgate", _title(context.parent)})
        also = ", ".join(rf"\fB{escape(each)}\fR({SECTION})" for each in seen)
        lines += [".SH EXIT STATUS", rf"As \fBinkgate\fR({SECTION}) says.", ".SH SEE ALSO", also]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every page of inkgate into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages(inkgate.cli, "inkgate"):
        (folder / name).write_text(text)
        written.append(folder / name)
    return written


def _below(command: click.Command, context: click.Context) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {}
    found = ((name, command.get_command(context, name)) for name in command.list_commands(context))
    return {name: each for name, each in found if each is not None and not each.hidden}


def _title(context: click.Context) -> str:
    """Return a command's path as the name of its page: "inkgate users add" -> "inkgate-users-add"."""
    above = f"{_title(context.parent)}-" if context.parent is not None else ""
    return f"{above}{context.info_name}"


def _summary(command: click.Command) -> str:
    """Return the first sentence of a command's help, on one line, without its full stop."""
    first = (command.help or "").split("\n\n")[0]
    return " ".join(first.split()).removesuffix(".")


def _prose(text: str) -> Iterator[str]:
    """Yield the lines of a help text: paragraphs are filled, those that click keeps are kept."""
    for paragraph in text.split("\f")[0].strip("\n").split("\n\n"):
        lines = paragraph.split("\n")
        yield ".PP"
        if lines[0].strip(" ") == _KEPT:
            yield from (".nf", *(escape(line) for line in lines[1:]), ".fi")
        else:
            yield escape(" ".join(paragraph.split()))


def _version() -> str:
    from importlib.metadata import version

    return version("inkgate")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python .ci/man_pages.py FOLDER")
    write(Path(sys.argv[1]))
