"""NAME=VALUE -> the settings of a firmware build, checked against the table of names and ranges.

The table is the only place of names, ranges, defaults and units: settings_header.py generates
firmware/core/ink/settings.h from it, and edge's PenConfig takes its defaults from it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from firmware_bridge.boards import Board
from firmware_bridge.build.errors import SettingError

Settings = Mapping[str, int]
"""Values of settings by name."""


@dataclass(frozen=True)
class Setting:
    """A number that is compiled into an app, with its default and the values it may have."""

    name: str
    macro: str
    default: int
    allowed: range | tuple[int, ...]
    unit: str
    meaning: str
    apps: tuple[str, ...] = ("pen",)

    @property
    def range_text(self) -> str:
        """The allowed values and the unit, such as `20 to 400 Hz` or `1 or 8 bits`."""
        ends = (self.allowed[0], self.allowed[-1])
        return f"{ends[0]} {'or' if len(self.allowed) == 2 else 'to'} {ends[1]} {self.unit}"


_EXAMPLE = "pen_up_ms=400"
_PRESSURE, _LENGTH, _TIME = "units of pressure", "hundredths of a mm", "ms"

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("rate_hz", "INK_PEN_RATE_HZ", 100, range(20, 401), "Hz", "samples that the digitiser sends a second"),
        Setting("contact", "INK_PEN_CONTACT", 64, range(1, 65536), _PRESSURE, "the pen touches from this pressure on"),
        Setting("release", "INK_PEN_RELEASE", 32, range(1, 65536), _PRESSURE, "below this the pen has left the paper"),
        Setting("nominal", "INK_PEN_NOMINAL", 1024, range(1, 65536), _PRESSURE, "draws a line as wide as the pen"),
        Setting("gap", "INK_PEN_GAP", 150, range(65536), _LENGTH, "a stroke further to the right is another symbol"),
        Setting("back", "INK_PEN_BACK", 500, range(65536), _LENGTH, "a stroke further to the left is another symbol"),
        Setting("line", "INK_PEN_LINE", 400, range(65536), _LENGTH, "a stroke further up or down is another symbol"),
        Setting("spacing", "INK_PEN_SPACING", 8, range(1001), _LENGTH, "points closer than this are not kept"),
        Setting("pen_up_ms", "INK_PEN_UP_MS", 500, range(20, 10_001), _TIME, "without contact: a symbol ends"),
        Setting("word_ms", "INK_PEN_WORD_MS", 1000, range(100, 10_001), _TIME, "without contact: the word ends"),
        Setting(
            "least_ms", "INK_PEN_LEAST_MS", 30, range(1001), _TIME, "a shorter symbol, first contact to last, is none"
        ),
        Setting("pixel_bits", "INK_PIXEL_BITS", 1, (1, 8), "bits", "black and white, or grey", ("pen", "camera")),
    )
}


def of_app(app: str) -> list[Setting]:
    """Return the settings that an app has."""
    return [setting for setting in SETTINGS.values() if app in setting.apps]


def parse(texts: Iterable[str]) -> dict[str, int]:
    """Parse texts of the form NAME=VALUE into values by name.

    Raises SettingError if a text has another form, or two texts give one name different values.
    """
    values: dict[str, int] = {}
    for text in texts:
        found = re.fullmatch(r"(\w+)=(\d{1,9})", text, re.ASCII)
        if not found:
            raise SettingError(f"{text!r} is not NAME=VALUE with a whole number, as {_EXAMPLE} is")
        name, value = found[1], int(found[2])
        if values.setdefault(name, value) != value:
            raise SettingError(f"{name} is set to {values[name]} and to {value}")
    return values


def check(values: Settings, board: Board, app: str) -> dict[str, int]:
    """Return the values that differ from the defaults, in the table's order.

    Raises SettingError, which says what is allowed, if the app has no such setting, a value is out of its range,
    `release` is above `contact`, or the board has no memory for that pixel depth.
    """
    for name, value in values.items():
        setting = _find(name, app)
        if value not in setting.allowed:
            raise SettingError(f"{name}={value}: it is {setting.range_text}, {setting.default} if it is not set")
    contact, release = (values.get(name, SETTINGS[name].default) for name in ("contact", "release"))
    if release > contact:
        raise SettingError(f"release={release} is above contact={contact}: it is at most that")
    if values.get("pixel_bits", SETTINGS["pixel_bits"].default) not in board.pixel_bits:
        raise SettingError(
            f"pixel_bits={values['pixel_bits']}: {board.name} has no memory for such words, it sends 1 bit"
        )
    return {name: values[name] for name, each in SETTINGS.items() if values.get(name, each.default) != each.default}


def _find(name: str, app: str) -> Setting:
    if name in SETTINGS and app in SETTINGS[name].apps:
        return SETTINGS[name]
    lines = (f"  {each.name:14} {each.range_text}, default {each.default}: {each.meaning}" for each in of_app(app))
    raise SettingError("\n".join([f"app {app} has no setting {name!r}; what it has:", *lines]))
