"""Options that chat and text completions share, and asking for a stream's usage."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.relay.dialects.body import ESCAPED, read_count, read_typed
from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.json_fields import (
    Field,
    insert_first,
    replace_values,
    top_level_fields,
)
from services.relay.errors import invalid_request

DECIDING_OPTIONS: Final = {"stream_options": frozenset({"include_usage"})}
"""What decides inside of objects at the top level."""
_MAX_ANSWERS: Final = 1024
_USAGE_ASKED: Final = b'"include_usage":true'
_OPTIONS: Final = b'"stream_options"'
_BRACE: Final = ord("{")


def read_wants_usage(parsed: Mapping[str, Any]) -> bool:
    """Whether the client asked for the usage of its stream. Raises RelayError 400."""
    options = read_typed(parsed, "stream_options", dict) or {}
    wants_usage = options.get("include_usage")
    if wants_usage is not None and not isinstance(wants_usage, bool):
        raise invalid_request("`include_usage` must be a boolean.", param="stream_options")
    return bool(wants_usage)


def read_answers(parsed: Mapping[str, Any]) -> int:
    """The answers that one prompt may be charged for: max(n, best_of). Raises RelayError 400."""
    answers = max(
        read_count(parsed, "n", minimum=1) or 1, read_count(parsed, "best_of", minimum=1) or 1
    )
    if answers > _MAX_ANSWERS:
        raise invalid_request(f"`n` may be {_MAX_ANSWERS} at the most.", param="n")
    return answers


def upstream_body(body: bytes, facts: RequestFacts, *, model: str) -> bytes:
    """The body with `model` as the channel names it, and asking for usage where it streams."""
    asks_usage = facts.is_stream and not facts.wants_usage
    if not asks_usage and model == facts.model:
        return body
    wanted = set()
    if model != facts.model:
        wanted.add("model")
    if asks_usage and (_OPTIONS in body or ESCAPED.search(body)):
        wanted.add("stream_options")
    changes: list[tuple[Field, bytes]] = []
    has_options = False
    for field in top_level_fields(body) if wanted else ():
        if field.name not in wanted:
            continue
        if field.name == "model":
            changes.append((field, orjson.dumps(model)))
        else:
            has_options = True
            changes.append((field, _asking_for_usage(body[field.start : field.end])))
        wanted.remove(field.name)
        if not wanted:
            break  # each occurs once: what follows need not be gone through
    changed = replace_values(body, changes) if changes else body
    if asks_usage and not has_options:
        changed = insert_first(changed, b'"stream_options":{' + _USAGE_ASKED + b"}")
    return changed


def _asking_for_usage(options: bytes) -> bytes:
    """These `stream_options`, asking for usage; what else they say stays as it was written."""
    fields = list(top_level_fields(options)) if options[0] == _BRACE else []
    for field in fields:
        if field.name == "include_usage":
            return replace_values(options, [(field, b"true")])
    return insert_first(options, _USAGE_ASKED) if fields else b"{" + _USAGE_ASKED + b"}"
