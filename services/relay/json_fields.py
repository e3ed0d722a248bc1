"""The top-level fields of a JSON object, with the place of each value in the bytes.

The relay changes single fields of a request and must leave every other byte as the client wrote
it: number spelling, key order, unknown fields. Parsing and writing again would not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

# One token: a string, a bracket, a comma or a colon. Strings are consumed whole, so that what is
# inside of them is never taken for structure.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_SPACE: Final = b" \t\n\r"
_QUOTE: Final = ord('"')
_COLON: Final = ord(":")


@dataclass(frozen=True, slots=True)
class Field:
    """One occurrence of a key at the top level; `start` and `end` delimit its value."""

    name: str
    start: int
    end: int


def top_level_fields(body: bytes) -> Iterator[Field]:
    """Each field in order, repeated keys included.

    `body` must be a valid JSON object (orjson has read it); nothing is validated again here.
    """
    depth = 0
    name: str | None = None
    last_string: bytes = b""
    value_start = 0
    for match in _TOKEN.finditer(body):
        start = match.start()
        byte = body[start]
        if byte == _QUOTE:
            if depth == 1 and name is None:
                last_string = match.group()
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
            if depth == 0 and name is not None:
                yield _field(body, name, value_start, start)
                return
        elif depth == 1:
            if byte == _COLON:
                name = orjson.loads(last_string)
                value_start = match.end()
            elif name is not None:  # a comma
                yield _field(body, name, value_start, start)
                name = None


def replace_values(body: bytes, replacements: list[tuple[Field, bytes]]) -> bytes:
    """`body` with the values of these fields exchanged and every other byte as it was."""
    parts: list[bytes] = []
    position = 0
    for field, value in sorted(replacements, key=lambda item: item[0].start):
        parts += (body[position : field.start], value)
        position = field.end
    parts.append(body[position:])
    return b"".join(parts)


def insert_first(body: bytes, member: bytes) -> bytes:
    """`body` with `member` (`"name":value`) put before its first field. `body` has a field."""
    brace = body.index(b"{")
    return b"".join((body[: brace + 1], member, b",", body[brace + 1 :]))


def _field(body: bytes, name: str, start: int, end: int) -> Field:
    while body[start] in _SPACE:
        start += 1
    while body[end - 1] in _SPACE:
        end -= 1
    return Field(name, start, end)
