"""How much of an OpenAI answer is the answer's own text: what an estimate goes by."""

from collections.abc import Iterator
from typing import Any


def content_bytes(answer: dict[str, Any], part: str) -> int:
    """Bytes of text in all choices; `part` is `message` in a plain answer, `delta` in an event.

    Text is every string of the part itself (content, reasoning, a refusal) but the role, and what
    tool calls are named and given. Whatever has another shape counts nothing.
    """
    texts = (text for choice in _dicts(answer.get("choices")) for text in _texts(choice.get(part)))
    return sum(len(text.encode()) for text in texts)


def _texts(part: Any) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if isinstance(value, str) and name != "role":
            yield value
    for call in _dicts(part.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict):
            yield from (value for value in function.values() if isinstance(value, str))


def _dicts(values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
