"""How much of an OpenAI answer is the answer's own text: what an estimate goes by."""

from collections.abc import Iterator
from typing import Any, Final

_OUTPUT_TEXTS: Final = ("text", "refusal", "name", "arguments", "input")


def content_bytes(answer: dict[str, Any], part: str) -> int:
    """Bytes of text in all choices; `part` is `message` in a plain answer, `delta` in an event.

    Text is every string of the part itself (content, reasoning, a refusal) but the role, and what
    tool calls are named and given. Whatever has another shape counts nothing.
    """
    texts = (text for choice in _dicts(answer.get("choices")) for text in _texts(choice.get(part)))
    return sum(len(text.encode()) for text in texts)


def text_bytes(answer: dict[str, Any]) -> int:
    """The same of text completions, whole or an event: a choice has its text itself."""
    texts = (choice.get("text") for choice in _dicts(answer.get("choices")))
    return sum(len(text.encode()) for text in texts if isinstance(text, str))


def output_bytes(response: dict[str, Any]) -> int:
    """The same of a whole response: what its items say, and what they give to tools."""
    total = 0
    for item in _dicts(response.get("output")):
        parts = [item, *_dicts(item.get("content")), *_dicts(item.get("summary"))]
        texts = (part.get(name) for part in parts for name in _OUTPUT_TEXTS)
        total += sum(len(text.encode()) for text in texts if isinstance(text, str))
    return total


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
