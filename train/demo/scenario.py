"""People who write -> who is enrolled with which PIN, and who then writes what at the gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from itertools import islice

import numpy as np

from edge.roster.enrolling import WRITINGS
from train.demo.hands import Hands
from train.errors import TooFewWritersError
from train.synthetic.not_writing import Kind, Word, words_of

ENTRIES = 2
"""How often each user enters his PIN."""
STRANGERS = 5
"""How many strangers know a PIN, and how many do not."""
SPARE = 3
"""How many more writings are at hand when one is to be written again."""
NOT_WRITING = (Kind.TAPS, Kind.SCRIBBLE)
NOT_WRITTEN = 3
"""How many words of each kind of what is no writing."""

_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gita", "Hugo", "Ines", "Jon")


@unique
class Role(Enum):
    """Who writes at the gate; the value is what the report calls it."""

    USER = "user"
    KNOWS = "stranger who knows the PIN"
    GUESSES = "stranger without the PIN"
    NOTHING = "not writing"
    REMOVED = "removed user"


@dataclass(frozen=True, eq=False)
class User:
    """A person who is enrolled: name, PIN, and the writings of it, a few more than are needed."""

    name: str
    pin: str = field(repr=False)
    writings: tuple[Word, ...] = ()


@dataclass(frozen=True, eq=False)
class Attempt:
    """One word at the gate.

    who: the writer's name, or what was done. user: the name of the user whose PIN it is, "" for nobody's.
    """

    role: Role
    who: str
    user: str
    word: Word


@dataclass(frozen=True, eq=False)
class Scenario:
    """What happens: users are enrolled, `door` comes, the user `removed` is removed, and `after` comes."""

    users: tuple[User, ...]
    door: tuple[Attempt, ...]
    removed: str
    after: tuple[Attempt, ...]


def make_scenario(hands: Hands, users: int, digits: int, bits: int, seed: int, spare: int = SPARE) -> Scenario:
    """Choose people and PINs and let them write.

    users: how many. digits: symbols of a PIN, all different. spare: writings of a user beyond those that enrol.

    Raises TooFewWritersError if the dataset has too few people, or too little of them.
    """
    rng = np.random.default_rng(seed)
    copies = WRITINGS + spare + ENTRIES + 1
    numbers = hands.people(users + 2 * STRANGERS, digits, copies)
    pins = [_draw_pin(hands.able(number, copies), digits, rng) for number in numbers[:users]]
    enrolled = tuple(
        User(_name(place), pin, tuple(hands.write(number, pin) for _ in range(WRITINGS + spare)))
        for place, (number, pin) in enumerate(zip(numbers, pins, strict=False))
    )
    entries = [
        Attempt(Role.USER, user.name, user.name, hands.write(number, user.pin))
        for _ in range(ENTRIES)
        for number, user in zip(numbers, enrolled, strict=False)
    ]
    strangers = numbers[users:]
    knowing = [_with_the_pin(hands, number, enrolled, place) for place, number in enumerate(strangers[:STRANGERS])]
    guessing = [
        Attempt(Role.GUESSES, _stranger(STRANGERS + place), "", hands.write(number, _other(hands, number, pins, rng)))
        for place, number in enumerate(strangers[STRANGERS:])
    ]
    removed = enrolled[0]
    again = Attempt(Role.REMOVED, removed.name, removed.name, hands.write(numbers[0], removed.pin))
    door = (*entries, *knowing, *guessing, *_nothing(digits, bits, seed))
    return Scenario(enrolled, door, removed.name, (again,))


def _draw_pin(symbols: str, digits: int, rng: np.random.Generator) -> str:
    return "".join(str(symbol) for symbol in rng.permutation(list(symbols))[:digits])


def _with_the_pin(hands: Hands, number: int, users: tuple[User, ...], place: int) -> Attempt:
    """Let a stranger write a user's PIN, of the first user from `place` on whose symbols he has."""
    for user in (*users[place % len(users) :], *users):
        if set(user.pin) <= set(hands.able(number, 1)):
            return Attempt(Role.KNOWS, _stranger(place), user.name, hands.write(number, user.pin))
    raise TooFewWritersError(f"writer {number} has the symbols of nobody's PIN; take another --seed")


def _other(hands: Hands, number: int, pins: Iterable[str], rng: np.random.Generator) -> str:
    """Return a text as long as a PIN that is nobody's, with what a stranger can write."""
    taken = set(pins)
    length = len(next(iter(taken)))
    while (text := _draw_pin(hands.able(number, 1), length, rng)) in taken:
        pass
    return text


def _nothing(digits: int, bits: int, seed: int) -> list[Attempt]:
    """Return words that a pen board makes of what is no writing; some of it makes no word."""
    found = []
    for kind in NOT_WRITING:
        words = words_of(kind, "pen", 20 * NOT_WRITTEN, (digits, digits), seed, bits)
        made = islice((word for word in words if word is not None), NOT_WRITTEN)
        found += [Attempt(Role.NOTHING, kind.value, "", word) for word in made]
    return found


def _name(place: int) -> str:
    return _NAMES[place] if place < len(_NAMES) else f"user {place + 1}"


def _stranger(place: int) -> str:
    return f"stranger {place + 1}"
