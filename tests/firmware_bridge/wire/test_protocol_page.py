"""docs/protocol.md, from which another team can build an end, says what the definition says."""

import re
from pathlib import Path
from typing import Any

from firmware_bridge.session.age import KEPT_S
from firmware_bridge.session.exchange import HELLO_REPEAT_S, HELLO_TIMEOUT_S, SILENCE_S
from firmware_bridge.wire import generate, sealing
from firmware_bridge.wire import messages as wire

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"
DEFINITION: dict[str, Any] = tomllib.loads(generate.SOURCE.read_text())
CONSTANTS = {constant["name"]: constant["value"] for constant in DEFINITION["constant"]}


def rows(heading: str) -> list[str]:
    """Return the rows of the tables below a heading."""
    (_, section) = PAGE.read_text().split(f"## {heading}\n")
    return [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]


def told(field: dict[str, Any]) -> str:
    limit = field.get("size", field.get("max")) if field["type"] in ("bytes", "text", "data") else None
    bound = "" if limit is None else f"[{CONSTANTS.get(limit, limit)}]"
    return f"`{field['name']}` {field['type']}{bound}"


def test_every_message_is_there_with_its_fields_in_order() -> None:
    expected = [
        f"| {message['id']} | {message['name'].upper()} | {message['sender']} | "
        f"{', '.join(map(told, message['fields'])) or 'none'} |"
        for message in DEFINITION["message"]
    ]
    assert [row for row in rows("Messages") if re.match(r"\| \d", row)] == expected


def test_every_constant_and_every_enumeration_is_there() -> None:
    expected = [f"| `{name}` | {value} |" for name, value in CONSTANTS.items()]
    assert [row for row in rows("Constants") if "`" in row] == expected
    enums = [
        f"| `{enum['name']}` (u8) | {', '.join(f'{name} = {value}' for name, value in enum['values'].items())} |"
        for enum in DEFINITION["enum"]
    ]
    assert [row for row in rows("Messages") if "(u8)" in row] == enums


def test_the_numbers_in_its_prose_are_those_of_the_definition() -> None:
    text = re.sub(r"\s+", " ", PAGE.read_text())
    assert wire.Header.SIZE == 9
    for said in (
        f"repeated every {HELLO_REPEAT_S * 1000:.0f} ms until INFO comes",
        f"greeting ({HELLO_TIMEOUT_S:g} s, then it gives up)",
        f"nothing valid from the host for {SILENCE_S:g} s",
        f"At most {wire.WINDOW_FRAMES} places are under way",
        f"after {wire.RETRANSMIT_MS} ms; from its fourth repetition on the pause doubles, "
        f"up to {wire.RETRANSMIT_MAX_MS / 1000:g} s",
        f"sender ({wire.FROM_HOST} = host, {wire.FROM_BOARD} = board)",
        f"nonce ({sealing.NONCE_BYTES} bytes)",
        f"random ({wire.NONCE_BYTES} bytes",
        f"tag {wire.TAG_BYTES} bytes",
        f"is used until t(n) is {KEPT_S:g} s ago",
    ):
        assert said in text, said
    assert wire.EARLY_REPEATS == 3
