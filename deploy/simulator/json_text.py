import json
from typing import Any

import orjson


def parse_json(text: bytes) -> Any:
    """The value of a JSON text.

    Lone surrogates and integers beyond 64 bits are accepted, as a provider in Python would.

    Raises:
        ValueError: the text is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def to_json(value: Any) -> bytes:
    r"""The compact JSON text of a value; lone surrogates come out as `\ud800` escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")
