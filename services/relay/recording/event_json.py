"""Parts of an event's JSON, made once and used by many events."""

from collections.abc import Mapping
from functools import lru_cache

import orjson

REMEMBERED = 4096


@lru_cache(REMEMBERED)
def as_json(value: str | None) -> str:
    """One of the few names that most events have."""
    return orjson.dumps(value).decode()


def members(values: Mapping[str, object]) -> str:
    """A JSON object's members, without its braces."""
    return orjson.dumps(values).decode()[1:-1]
