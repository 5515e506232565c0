"""The test vectors of RFC 8439: sections 2.3.2, 2.4.2, 2.8.2 and appendices A.1 to A.5, from the RFC's text."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")


def vectors(kind: str) -> list[dict[str, Any]]:
    """Return the vectors of a kind (block, encryption, poly1305, poly1305_key or aead), hexadecimal texts as bytes."""
    return [
        {name: bytes.fromhex(value) if isinstance(value, str) else value for name, value in vector.items()}
        for vector in json.loads(FILE.read_text())[kind]
    ]
