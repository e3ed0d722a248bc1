"""How much of an Anthropic answer is the answer's own text: what an estimate goes by."""

from typing import Any, Final

import orjson

_TEXTS: Final = ("text", "thinking", "partial_json")


def block_bytes(block: Any) -> int:
    """Bytes of text, thinking and tool input in a content block, or in the delta of one.

    Whatever has another shape counts nothing; nor does a signature, which no tokens are paid for.
    """
    if not isinstance(block, dict):
        return 0
    size = sum(len(text.encode()) for name in _TEXTS if isinstance(text := block.get(name), str))
    return size + _json_bytes(block.get("input"))


def content_bytes(answer: dict[str, Any]) -> int:
    """The same of all blocks of a plain answer."""
    content = answer.get("content")
    return sum(map(block_bytes, content)) if isinstance(content, list) else 0


def _json_bytes(tool_input: Any) -> int:
    try:
        return len(orjson.dumps(tool_input)) if tool_input else 0
    except orjson.JSONEncodeError:  # too deep to be written again
        return 0
