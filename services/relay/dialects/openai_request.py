"""Reading what decides an OpenAI chat request, and changing only the bytes that must change."""

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import invalid_request
from services.relay.json_fields import Field, insert_first, replace_values, top_level_fields

# Fields that decide what a request may cost or how it is answered. A second occurrence, or another
# case of the same letters, would let the upstream read another value than we did.
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
_QUOTED: Final = {name: f'"{name}"'.encode() for name in DECIDING | _DECIDING_OPTIONS}
# An ASCII letter or underscore written as an escape: nobody does, but a name can be hidden so.
_ESCAPED: Final = re.compile(rb"\\u00[4-7]")
_MAX_COUNT: Final = 10**9
_MAX_ANSWERS: Final = 1024
_ALWAYS_QUICK_BYTES: Final = 1024 * 1024
_MAX_VALUES: Final = 1_000_000
_MEDIA_PARTS: Final = frozenset({"image_url", "input_audio", "file", "video_url"})
_USAGE_ASKED: Final = b'"include_usage":true'
_OPTIONS: Final = b'"stream_options"'
_BRACE: Final = ord("{")


def read_chat_request(body: bytes) -> RequestFacts:
    """The facts of `POST /v1/chat/completions`. Raises RelayError 400."""
    if len(body) > _ALWAYS_QUICK_BYTES and sum(map(body.count, b"[{,")) > _MAX_VALUES:
        # Parsing blocks every other request; a body of nothing but brackets would for seconds.
        raise invalid_request(f"The body has more than {_MAX_VALUES} values.")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_request("The body could not be read as JSON.") from None
    if not isinstance(parsed, dict):
        raise invalid_request("The body must be a JSON object.")
    _refuse_ambiguous(body, parsed)
    model = parsed.get("model")
    if not isinstance(model, str) or not model:
        raise invalid_request("`model` must be a non-empty string.", param="model")
    options = _typed(parsed, "stream_options", dict) or {}
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
        if (limit := _count(parsed, name, minimum=0)) is not None
    ]
    return RequestFacts(
        model=model,
        is_stream=bool(_typed(parsed, "stream", bool)),
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
    if asks_usage and (_OPTIONS in body or _ESCAPED.search(body)):
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


def _refuse_ambiguous(body: bytes, parsed: dict[str, Any]) -> None:
    options = parsed.get("stream_options")
    names = [*parsed, *(options if isinstance(options, dict) else ())]
    _refuse_odd_case(parsed, DECIDING)
    if isinstance(options, dict):
        _refuse_odd_case(options, _DECIDING_OPTIONS)
    # Going through the fields is slow: only where a name is there twice, or may hide in an escape.
    there = [_QUOTED[name] for name in names if name in _QUOTED]
    if _ESCAPED.search(body) is None and not any(body.count(quoted) > 1 for quoted in there):
        return
    _refuse_repeated(body, DECIDING)
    for field in top_level_fields(body):
        if field.name == "stream_options" and body[field.start] == _BRACE:
            _refuse_repeated(body[field.start : field.end], _DECIDING_OPTIONS)


def _refuse_odd_case(names: Iterable[str], deciding: frozenset[str]) -> None:
    for name in names:
        if name not in deciding and (folded := name.casefold()) in deciding:
            raise invalid_request(f"`{folded}` must be written in lower case.", param=folded)


def _refuse_repeated(body: bytes, deciding: frozenset[str]) -> None:
    seen: set[str] = set()
    for field in top_level_fields(body):
        if field.name in seen:
            raise invalid_request(f"`{field.name}` occurs more than once.", param=field.name)
        if field.name in deciding:
            seen.add(field.name)


def _answers(parsed: dict[str, Any]) -> int:
    answers = max(_count(parsed, "n", minimum=1) or 1, _count(parsed, "best_of", minimum=1) or 1)
    if answers > _MAX_ANSWERS:
        raise invalid_request(f"`n` may be {_MAX_ANSWERS} at the most.", param="n")
    return answers


def _typed(parsed: dict[str, Any], name: str, kind: type) -> Any:
    value = parsed.get(name)
    if value is not None and not isinstance(value, kind):
        raise invalid_request(f"`{name}` has the wrong type.", param=name)
    return value


def _count(parsed: dict[str, Any], name: str, *, minimum: int) -> int | None:
    value = parsed.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_request(f"`{name}` must be an integer.", param=name)
    if not minimum <= value <= _MAX_COUNT:
        raise invalid_request(f"`{name}` must be between {minimum} and {_MAX_COUNT}.", param=name)
    return value


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
