"""Console script: a command's name -> the file to import; an error -> a sentence and an exit code."""

from __future__ import annotations

import errno
import json
import re
import signal
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

import click

from firmware_bridge.errors import ExitCode, InkgateError, printable

COMMANDS = {
    "adapt": ("train.cli.adapt:adapt", "Derive the network from the task in seven stages, or within a budget."),
    "answer": ("edge.cli.answer:answer_command", "Answer `inkgate verify --port` on this machine, as a board would."),
    "attempts": ("edge.cli.attempts:attempts", "Show who failed how often in a row, and let him try again."),
    "bench": ("quantize.cli.bench:bench", "Time and error over up to 100,000 fragments, beside the published table."),
    "bundle": ("edge.cli.bundle:bundle", "Sign a bundle: answer for it towards gates."),
    "calibrate": (
        "edge.cli.people.calibrate:calibrate",
        "Let visitors write, without names: what this device makes of writing.",
    ),
    "capture": ("edge.cli.people.capture:capture", "Record a writer's fragments from a board into a .npz file."),
    "completion": ("inkgate:completion", "Print the shell completion script for bash, zsh or fish."),
    "config": ("edge.cli.config:config", "Show the settings, and where each value comes from."),
    "data": ("train.cli.data:data", "Fetch, describe, import and export sets of fragments."),
    "demo": (
        "train.demo.command:demo",
        "People enrol at a virtual board by five writings and enter; strangers do not.",
    ),
    "doctor": ("edge.cli.doctor:doctor", "What a gate needs: how it stands, and the command that mends it."),
    "evaluate": ("train.cli.evaluate:evaluate", "Error rates of a run or a bundle by number of symbols, with bounds."),
    "evaluate-reader": (
        "train.cli.train_reader:evaluate_reader",
        "What readers of symbols read: by symbol, confusions, calibration, size, time.",
    ),
    "firmware": ("firmware_bridge.cli.firmware:firmware", "Build, sign, flash, inspect, watch and provision boards."),
    "journal": ("edge.cli.journal:journal", "Show, seal, verify, export and put away the journal of decisions."),
    "keys": (
        "firmware_bridge.cli.keys:keys",
        "Make and show keys that sign; say whose are trusted; list boards.",
    ),
    "look": ("edge.cli.look:look", "What a camera board sees in a picture: its symbols, or why there are none."),
    "ports": ("firmware_bridge.cli.ports:ports", "List serial ports and the boards recognised on them."),
    "pretrain": ("train.cli.pretrain:pretrain", "Make the shipped backbone anew, or one without some of its sources."),
    "quantize": ("quantize.cli.quantize:quantize", "Turn a run into the int8 bundle that the edge runs."),
    "run": ("edge.cli.run:run", "Decide who writes: fragments from a board, a decision after each."),
    "service": ("edge.cli.service:service", "The gate as a service of systemd: its unit, and how it stands."),
    "simulate": ("train.cli.simulate:simulate", "A virtual pen or camera board on a pseudo-terminal."),
    "train": ("train.cli.train:train", "Enrol users from the shipped backbone, or train everything from scratch."),
    "train-reader": ("train.cli.train_reader:train_reader", "Train and quantise a reader of digits or of letters."),
    "users": ("edge.cli.people.users:users", "Enrol users without training; list, show, rename and remove them."),
    "verify": ("quantize.cli.verify:verify", "Prove the int8 model against the fixed-point reference."),
}


ENDED_BY_SIGNAL = 128
"""The exit code of a command that a signal ended is this plus the signal's number, as in a shell."""

_OUTPUT_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EROFS)
"""What a stream or a file answers behind which a disk is full or a terminal is gone."""

TRAINING = ("tensorflow", "tf_keras", "matplotlib", "PIL")
"""Modules that commands of train/ and quantize/ import and that a gate does not need."""


class LazyGroup(click.Group):
    """A click group that knows its commands by name and imports a command's room when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from firmware_bridge.trust.folder import ask_also

        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        ask_also(_folder_of)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the one-line helps from the table above, so that `--help` imports no room."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _folder_of(variable: str) -> str | None:
    """Return the folder that a file of settings names in place of a variable."""
    from edge.cli.settings import folder_of

    return folder_of(variable)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="inkgate")
def cli() -> None:
    """Handwriting authentication at the edge.

    handwriting -> train -> quantize (+ verify) -> bundle -> board -> run -> decision

    \b
    Start here:   inkgate demo
    Exit codes:   0 done, 1 a check came out negative, 2 usage or configuration,
                  3 device, 4 refused for security
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
def completion(shell: str, as_json: bool) -> None:
    """Print the completion script: `inkgate completion bash >> ~/.bashrc`."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    script = completer(cli, {}, "inkgate", "_INKGATE_COMPLETE").source()
    click.echo(json.dumps({"shell": shell, "script": script}) if as_json else script)


def main() -> None:
    """Run the command line.

    Every error that a person or a board can cause becomes one sentence on stderr and its exit code.
    """
    # SIGTERM, which stops a service, acts as Ctrl-C: the open word is closed in the journal and the port is released.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stdout = sys.stdout
    try:
        status = cli.main(prog_name="inkgate", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be told is an error of the command, not of its end
        _end(status if isinstance(status, int) else ExitCode.DONE)
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.format_message(), err=True)
        sys.exit(bare.exit_code)
    except click.ClickException as error:
        _fail(error.format_message() + _meant(error), error.exit_code, _usage(error))
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", ENDED_BY_SIGNAL + signal.SIGINT)
    except SystemExit:
        # When the reader of stdout has gone, click puts another stream in its place and ends with a negative check's 1.
        if sys.stdout is not stdout:
            _end(ENDED_BY_SIGNAL + signal.SIGPIPE)
        raise
    except BrokenPipeError:
        _end(ENDED_BY_SIGNAL + signal.SIGPIPE)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in TRAINING:
            raise
        from firmware_bridge.installing import install_extra

        extra = install_extra("edge" if name == "PIL" else "train")
        _fail(f"this command needs {error.name}, which is not installed: {extra}", ExitCode.USAGE)
    except InkgateError as error:
        _fail(str(error), error.exit_code)
    except MemoryError:
        _fail("there is not enough memory: end other programs, then begin again", ExitCode.DEVICE)
    except OSError as error:
        _fail(*_what_failed(error))


def _fail(message: str, exit_code: int, usage: str = "") -> NoReturn:
    """Print the message on stderr, with --json one object on stdout as well, and exit."""
    with suppress(OSError):  # nobody can be told
        click.echo(f"{usage}error: {printable(message)}", err=True)
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": message, "exit_code": exit_code}))
    _end(exit_code)


def _end(exit_code: int) -> NoReturn:
    """Exit with this code and no other: what is left in a stream that is lost must not fail again at Python's end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed from the beginning
                stream.flush()
        except OSError:
            with suppress(OSError):
                stream.close()
    sys.exit(exit_code)


def _what_failed(error: OSError) -> tuple[str, ExitCode]:
    """Return a sentence about an error of the system that no room foresaw, and its exit code."""
    if error.errno in _OUTPUT_LOST:
        where = "the output" if error.filename is None else error.filename
        return f"{where} cannot be written: {error.strerror}: make room, or let it go elsewhere", ExitCode.DEVICE
    if error.filename is None:
        return f"the system does not do what is needed: {error.strerror or error}", ExitCode.DEVICE
    if isinstance(error, PermissionError):
        # Whether a file is there cannot be said of a folder that this user may not enter, and must not be guessed.
        told = f"{error.filename}: this user may not read it: let its owner allow that, or name another"
        return told, ExitCode.USAGE
    return f"{error.filename}: cannot be used: {error.strerror}: name another", ExitCode.USAGE


def _meant(error: click.ClickException) -> str:
    """Return which commands there are of nearly the name that there is none of, "" if that is not what is wrong."""
    context = getattr(error, "ctx", None)
    wrong = re.match(r"No such command '(.*)'\.", error.message)
    if wrong is None or context is None or not isinstance(context.command, click.Group):
        return ""
    if "Did you mean" in error.format_message():  # click says so by itself of groups whose commands it knows
        return ""
    near = get_close_matches(wrong[1], context.command.list_commands(context))
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.get_usage()}\n" if context else ""


if __name__ == "__main__":
    main()
