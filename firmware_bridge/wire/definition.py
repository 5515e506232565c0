"""protocol.toml's bytes -> a checked, typed description of the protocol that any generator can walk."""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from firmware_bridge.wire.errors import ProtocolDefinitionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

UINT_BYTES = {"u8": 1, "u16": 2, "u32": 4}
SENDERS = ("host", "board")


@dataclass(frozen=True)
class Constant:
    """A number that both ends share."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Choices:
    """An enum: a closed set of named values, one byte on the wire."""

    name: str
    doc: str
    values: dict[str, int]


@dataclass(frozen=True)
class Field:
    """One field of a message.

    `size` is the length in bytes of a number, an enum's value or `bytes`; `most` is the most that `text` and `data` may
    have. `low`, `high` (None: no limit) and `one_of` (empty: no limit) bound a number.
    """

    name: str
    type: str
    doc: str
    size: int = 0
    most: int = 0
    low: int = 0
    high: int | None = None
    one_of: tuple[int, ...] = ()

    @property
    def max_bytes(self) -> int:
        """The most bytes that the field takes on the wire."""
        return self.size or self.most + (self.type == "text")


@dataclass(frozen=True)
class Message:
    """One message, or the header, which has neither id nor sender."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    id: int = 0
    sender: str = ""
    sequenced: bool = False

    @property
    def max_bytes(self) -> int:
        """The most bytes that the message takes on the wire."""
        return sum(field.max_bytes for field in self.fields)


@dataclass(frozen=True)
class Protocol:
    """The whole description: what protocol.toml defines."""

    name: str
    doc: str
    constants: tuple[Constant, ...]
    choices: tuple[Choices, ...]
    header: Message
    messages: tuple[Message, ...]

    @property
    def sha256(self) -> bytes:
        """The SHA-256 of the protocol's meaning: what both ends must agree on, without prose.

        The hash is that of canonical JSON (sorted keys, no white space, ASCII) with the constants by name, the enums
        by name, the header's fields in order and the messages by id; limits are resolved to numbers, every `doc` is
        left out. Comments, docs and the order of definitions in the file do not change it; any number, name, type or
        order of fields does.
        """
        meaning = {
            "constants": sorted((_without_prose(each) for each in self.constants), key=lambda one: str(one["name"])),
            "enums": sorted((_without_prose(each) for each in self.choices), key=lambda one: str(one["name"])),
            "header": _without_prose(self.header),
            "messages": sorted((_without_prose(each) for each in self.messages), key=lambda one: int(one["id"])),
        }
        return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).digest()


def parse(source: bytes) -> Protocol:
    """Parse and check the text of protocol.toml.

    ProtocolDefinitionError, naming the place, unless every definition is complete and consistent.
    """
    try:
        tree = tomllib.loads(source.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolDefinitionError(f"protocol.toml: {error}") from error
    _keys("protocol.toml", tree, {"protocol", "header", "message"}, {"constant", "enum"})
    constants = tuple(_constant(entry) for entry in tree.get("constant", ()))
    choices = tuple(_choices(entry) for entry in tree.get("enum", ()))
    numbers = {constant.name: constant.value for constant in constants}
    names = {choice.name for choice in choices}
    _keys("header", tree["header"], {"doc", "fields"})
    header = Message("header", tree["header"]["doc"], _fields("header", tree["header"]["fields"], numbers, names))
    messages = tuple(_message(entry, numbers, names) for entry in tree["message"])
    _unique("constant", [constant.name for constant in constants])
    _unique("enum", [choice.name for choice in choices])
    _unique("message", [message.name for message in messages])
    _unique("message id", [message.id for message in messages])
    for message in messages:
        if header.max_bytes + message.max_bytes + numbers["tag_bytes"] > numbers["max_content_bytes"]:
            raise ProtocolDefinitionError(f"protocol.toml: {message.name}: longer than a frame can be")
    _keys("protocol", tree["protocol"], {"name", "doc"})
    return Protocol(tree["protocol"]["name"], tree["protocol"]["doc"], constants, choices, header, messages)


def _without_prose(definition: Constant | Choices | Message) -> dict[str, Any]:
    """Return the definition as plain data, without any `doc` in it."""
    plain: dict[str, Any] = asdict(definition, dict_factory=lambda items: {k: v for k, v in items if k != "doc"})
    return plain


def _constant(entry: dict[str, Any]) -> Constant:
    _keys("constant", entry, {"name", "value", "doc"})
    return Constant(entry["name"], int(entry["value"]), entry["doc"])


def _choices(entry: dict[str, Any]) -> Choices:
    _keys("enum", entry, {"name", "doc", "values"})
    values: dict[str, int] = entry["values"]
    _unique(f"enum {entry['name']}", list(values.values()))
    # Cleared memory and a missing write read as 0: it must never mean anything.
    if not values or not all(1 <= value <= 255 for value in values.values()):
        raise ProtocolDefinitionError(f"protocol.toml: enum {entry['name']}: values must lie in 1..255")
    return Choices(entry["name"], entry["doc"], values)


def _message(entry: dict[str, Any], numbers: dict[str, int], choices: set[str]) -> Message:
    where = f"message {entry.get('name', '?')}"
    _keys(where, entry, {"id", "name", "sender", "doc", "fields"}, {"sequenced"})
    if not 1 <= entry["id"] <= 255 or entry["sender"] not in SENDERS:
        raise ProtocolDefinitionError(f"protocol.toml: {where}: id must lie in 1..255, sender be host or board")
    fields = _fields(where, entry["fields"], numbers, choices)
    return Message(
        entry["name"], entry["doc"], fields, entry["id"], entry["sender"], bool(entry.get("sequenced", False))
    )


def _fields(where: str, entries: list[dict[str, Any]], numbers: dict[str, int], choices: set[str]) -> tuple[Field, ...]:
    fields = tuple(_field(f"{where}.{entry.get('name', '?')}", entry, numbers, choices) for entry in entries)
    _unique(where, [field.name for field in fields])
    if any(field.type == "data" for field in fields[:-1]):
        raise ProtocolDefinitionError(f"protocol.toml: {where}: only the last field may be data")
    return fields


def _field(where: str, entry: dict[str, Any], numbers: dict[str, int], choices: set[str]) -> Field:
    _keys(where, entry, {"name", "type", "doc"}, {"size", "min", "max", "one_of"})

    def number(key: str) -> int:
        value = entry.get(key)
        found = numbers.get(value) if isinstance(value, str) else value
        if not isinstance(found, int):
            raise ProtocolDefinitionError(f"protocol.toml: {where}: {key} = {value!r} is no number and no constant")
        return found

    kind = entry["type"]
    if kind in UINT_BYTES:
        # What says nothing, or says it in another order, is the same protocol: it must not make another hash.
        largest = (1 << 8 * UINT_BYTES[kind]) - 1
        high = number("max") if entry.get("max", largest) != largest else None
        low = number("min") if "min" in entry else 0
        one_of = tuple(sorted(set(entry.get("one_of", ()))))
        return Field(entry["name"], kind, entry["doc"], size=UINT_BYTES[kind], low=low, high=high, one_of=one_of)
    if kind == "bytes":
        return Field(entry["name"], kind, entry["doc"], size=number("size"))
    if kind in ("text", "data"):
        return Field(entry["name"], kind, entry["doc"], most=number("max"))
    if kind in choices:
        return Field(entry["name"], kind, entry["doc"], size=1)
    raise ProtocolDefinitionError(f"protocol.toml: {where}: no type {kind!r}")


def _keys(
    where: str, entry: dict[str, Any], required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> None:
    missing, unknown = required - entry.keys(), entry.keys() - required - optional
    if missing or unknown:
        wrong = [f"{key} is missing" for key in sorted(missing)] + [f"{key} is unknown" for key in sorted(unknown)]
        raise ProtocolDefinitionError(f"protocol.toml: {where}: {', '.join(wrong)}")


def _unique(where: str, names: list[Any]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ProtocolDefinitionError(f"protocol.toml: {where}: {name} is defined twice")
