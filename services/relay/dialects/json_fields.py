"""The top-level fields of a JSON object, with the place of each value in the bytes.

The relay changes single fields of a request and must leave every other byte as the client wrote
it: number spelling, key order, unknown fields. Parsing and writing again would not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Values are gone through in C; what they come to is thrown away, so numbers need not be made.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
# One token: a string or a bracket. Strings are consumed whole, so that what is inside of them is
# never taken for structure.
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)


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
    text = body.decode()
    is_ascii = len(text) == len(body)
    passed_characters = passed_bytes = 0
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        end = _end_of_value(text, start)
        if is_ascii:
            yield Field(name, start, end)
        else:
            first_byte = passed_bytes + len(text[passed_characters:start].encode())
            passed_bytes = first_byte + len(text[start:end].encode())
            passed_characters = end
            yield Field(name, first_byte, passed_bytes)
        at = _skip(text, end)
        if text[at] == "}":
            return
        at = _skip(text, at + 1)


def array_items(array: bytes) -> Iterator[Field]:
    """Each item of an array in order, without a name. `array` must be valid, as above."""
    text = array.decode()
    passed_characters = passed_bytes = 0
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "]":
        end = _end_of_value(text, at)
        first_byte = passed_bytes + len(text[passed_characters:at].encode())
        passed_bytes = first_byte + len(text[at:end].encode())
        passed_characters = end
        yield Field("", first_byte, passed_bytes)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def value_of_sole(body: bytes, quoted: bytes) -> bytes:
    """The value of a field at the top level whose quoted name stands nowhere else in `body`."""
    text = body[body.index(quoted) + len(quoted) :].decode()
    start = _skip(text, _skip(text, 0) + 1)
    return text[start : _end_of_value(text, start)].encode()


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


def _end_of_value(text: str, start: int) -> int:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except RecursionError:
        # Deeper than Python goes, and not too deep for orjson: brackets are counted instead.
        depth = 0
        for match in _TOKEN.finditer(text, start):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match.group(), 0)
            if depth == 0:
                return match.end()
        raise


def _skip(text: str, at: int) -> int:
    """Where what is no space begins."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
