"""Checks -> findings: what was looked at, how it stands, and the command that mends it."""

from collections.abc import Callable
from enum import Enum, unique
from typing import NamedTuple

from firmware_bridge.errors import ExitCode, InkgateError


@unique
class State(Enum):
    """How it stands with one thing."""

    SOUND = "ok"
    DOUBTFUL = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """What one check found.

    mend: the command, or else the deed, that mends it; "" where nothing is to be done. exit_code: what a command that
    needs the thing would end with, DONE unless it is broken.
    """

    check: str
    state: State
    told: str
    mend: str = ""
    exit_code: int = ExitCode.DONE


def sound(check: str, told: str) -> Finding:
    """Return the finding that nothing is wrong."""
    return Finding(check, State.SOUND, told)


def doubtful(check: str, told: str, mend: str) -> Finding:
    """Return the finding that something works, but not as well as it could."""
    return Finding(check, State.DOUBTFUL, told, mend)


def broken(check: str, told: str, mend: str, exit_code: int = ExitCode.USAGE) -> Finding:
    """Return the finding that something does not work."""
    return Finding(check, State.BROKEN, told, mend, exit_code)


def skipped(check: str, why: str) -> Finding:
    """Return the finding that something was not looked at."""
    return Finding(check, State.SKIPPED, why)


def look(check: str, find: Callable[[], Finding], mend: str = "") -> Finding:
    """Return what `find` returns; an error of inkgate is a finding with its own words and exit code.

    mend: what helps then, where the error's message does not say it.
    """
    try:
        return find()
    except InkgateError as error:
        return broken(check, str(error), mend, error.exit_code)


def worst(findings: list[Finding]) -> int:
    """Return the exit code of the worst finding: security before device, device before configuration."""
    return max((finding.exit_code for finding in findings), default=ExitCode.DONE)
