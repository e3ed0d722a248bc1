"""Reading what decides a request from its JSON body: once, in exact case, of the right type.

A second occurrence of a field, or another case of the same letters, would let the upstream read
another value than we did.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import orjson

from services.relay.dialects.json_fields import replace_values, top_level_fields
from services.relay.errors import invalid_request

# An ASCII letter or underscore written as an escape: nobody does, but a name can be hidden so.
ESCAPED: Final = re.compile(rb"\\u00[4-7]")
_MAX_COUNT: Final = 10**9
_ALWAYS_QUICK_BYTES: Final = 1024 * 1024
_MAX_VALUES: Final = 1_000_000
_BRACE: Final = ord("{")
_BACKSLASH: Final = b"\\"


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as an object. Raises RelayError 400."""
    if len(body) > _ALWAYS_QUICK_BYTES and sum(map(body.count, b"[{,")) > _MAX_VALUES:
        # Parsing blocks every other request; a body of nothing but brackets would for seconds.
        raise invalid_request(f"The body has more than {_MAX_VALUES} values.")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_request("The body could not be read as JSON.") from None
    if not isinstance(parsed, dict):
        raise invalid_request("The body must be a JSON object.")
    return parsed


def refuse_ambiguous(
    body: bytes,
    parsed: Mapping[str, Any],
    deciding: frozenset[str],
    inside: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Raises RelayError 400 where a deciding field is there twice, or in another case.

    `inside` names the deciding fields of objects at the top level, by the object's name.
    """
    # Going through the fields is slow: only where a name is there twice, or may hide in an escape.
    is_suspect = _BACKSLASH in body and ESCAPED.search(body) is not None
    is_suspect |= _names_suspect(body, parsed, deciding)
    nested: Mapping[str, frozenset[str]] = inside or {}
    for name, names in nested.items():
        value = parsed.get(name)
        if isinstance(value, dict):
            is_suspect |= _names_suspect(body, value, names)
    if not is_suspect:
        return
    _refuse_repeated(body, deciding)
    for field in top_level_fields(body) if nested else ():
        if field.name in nested and body[field.start] == _BRACE:
            _refuse_repeated(body[field.start : field.end], nested[field.name])


def read_model(parsed: Mapping[str, Any]) -> str:
    """The model's name. Raises RelayError 400."""
    model = parsed.get("model")
    if not isinstance(model, str) or not model:
        raise invalid_request("`model` must be a non-empty string.", param="model")
    return model


def read_typed(parsed: Mapping[str, Any], name: str, kind: type) -> Any:
    """The field's value if it is of that type; null where there is none. Raises RelayError 400."""
    value = parsed.get(name)
    if value is not None and not isinstance(value, kind):
        raise invalid_request(f"`{name}` has the wrong type.", param=name)
    return value


def read_count(parsed: Mapping[str, Any], name: str, *, minimum: int) -> int | None:
    """The field's whole number; null where there is none. Raises RelayError 400."""
    value = parsed.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_request(f"`{name}` must be an integer.", param=name)
    if not minimum <= value <= _MAX_COUNT:
        raise invalid_request(f"`{name}` must be between {minimum} and {_MAX_COUNT}.", param=name)
    return value


def with_model(body: bytes, model: str) -> bytes:
    """The body with another model's name, and every other byte as it was."""
    for field in top_level_fields(body):
        if field.name == "model":
            return replace_values(body, [(field, orjson.dumps(model))])
    return body


def _names_suspect(body: bytes, names: Iterable[str], deciding: frozenset[str]) -> bool:
    """Whether a deciding name may stand twice. Raises RelayError 400 for one in another case."""
    is_suspect = False
    for name in names:
        if name in deciding:
            is_suspect |= body.count(_quoted(name)) > 1
        elif (folded := name.casefold()) in deciding:
            raise invalid_request(f"`{folded}` must be written in lower case.", param=folded)
    return is_suspect


@cache
def _quoted(deciding_name: str) -> bytes:
    return f'"{deciding_name}"'.encode()


def _refuse_repeated(body: bytes, deciding: frozenset[str]) -> None:
    seen: set[str] = set()
    for field in top_level_fields(body):
        if field.name in seen:
            raise invalid_request(f"`{field.name}` occurs more than once.", param=field.name)
        if field.name in deciding:
            seen.add(field.name)
