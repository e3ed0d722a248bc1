"""Reading what decides an OpenAI chat request, and changing only the bytes that must change."""

from typing import Any, Final

import orjson

from services.relay.dialects.body import (
    ESCAPED,
    parse_object,
    read_count,
    read_model,
    read_typed,
    refuse_ambiguous,
)
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import invalid_request
from services.relay.json_fields import Field, insert_first, replace_values, top_level_fields

DECIDING: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "n",
        "best_of",
        "max_tokens",
        "max_completion_tokens",
        "messages",
    }
)
_DECIDING_OPTIONS: Final = frozenset({"include_usage"})
_MAX_ANSWERS: Final = 1024
_MEDIA_PARTS: Final = frozenset({"image_url", "input_audio", "file", "video_url"})
_USAGE_ASKED: Final = b'"include_usage":true'
_OPTIONS: Final = b'"stream_options"'
_BRACE: Final = ord("{")


def read_chat_request(body: bytes) -> RequestFacts:
    """The facts of `POST /v1/chat/completions`. Raises RelayError 400."""
    parsed = parse_object(body)
    refuse_ambiguous(body, parsed, DECIDING, {"stream_options": _DECIDING_OPTIONS})
    model = read_model(parsed)
    options = read_typed(parsed, "stream_options", dict) or {}
    wants_usage = options.get("include_usage")
    if wants_usage is not None and not isinstance(wants_usage, bool):
        raise invalid_request("`include_usage` must be a boolean.", param="stream_options")
    messages = parsed.get("messages")
    if not isinstance(messages, list):
        raise invalid_request("`messages` must be an array.", param="messages")
    media_count, inline_bytes = _media(messages)
    limits = [
        limit
        for name in ("max_tokens", "max_completion_tokens")
        if (limit := read_count(parsed, name, minimum=0)) is not None
    ]
    return RequestFacts(
        model=model,
        is_stream=bool(read_typed(parsed, "stream", bool)),
        wants_usage=bool(wants_usage),
        answers=_answers(parsed),
        # A provider heeds one of the two; which one is not ours to guess.
        max_output_tokens=max(limits, default=None),
        text_bytes=len(body) - inline_bytes,
        media_count=media_count,
    )


def upstream_chat_body(body: bytes, facts: RequestFacts, *, model: str) -> bytes:
    """The body with `model` as the channel names it, and asking for usage where it streams."""
    asks_usage = facts.is_stream and not facts.wants_usage
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


def _answers(parsed: dict[str, Any]) -> int:
    answers = max(
        read_count(parsed, "n", minimum=1) or 1, read_count(parsed, "best_of", minimum=1) or 1
    )
    if answers > _MAX_ANSWERS:
        raise invalid_request(f"`n` may be {_MAX_ANSWERS} at the most.", param="n")
    return answers


def _media(messages: list[Any]) -> tuple[int, int]:
    """How many media the messages have, and the bytes of those that are inline."""
    count = inline_bytes = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            continue
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind in _MEDIA_PARTS:
                count += 1
                inline_bytes += _inline_bytes(part.get(kind))
    return count, inline_bytes


def _inline_bytes(holder: Any) -> int:
    if not isinstance(holder, dict):
        return 0
    inline = 0
    url = holder.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        inline += len(url)
    for name in ("data", "file_data"):
        value = holder.get(name)
        if isinstance(value, str) and value.isascii():
            inline += len(value)
    return inline
