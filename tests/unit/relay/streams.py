"""Events of an OpenAI stream, as providers write them."""

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c1", "model": "m", **fields}).encode() + b"\n\n"


def delta(index: int = 0, *, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": index, "delta": fields, "finish_reason": finish}
    return event(choices=[choice], usage=None)


def usage_chunk(prompt: int = 5, completion: int = 7, **more: Any) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return event(choices=[], usage=usage, **more)


def call(arguments: str, *, name: str | None = None, index: int = 0) -> bytes:
    function: dict[str, str] = {"arguments": arguments}
    tool: dict[str, Any] = {"index": index, "function": function}
    if name is not None:
        function["name"] = name
        tool |= {"id": "call_0123456789abcdef01234567", "type": "function"}
    return delta(tool_calls=[tool])


SPOKEN = [
    delta(role="assistant", content=""),
    delta(content="Hello"),
    delta(content=' he said "usage": {"prompt_tokens": 1} \n\n data: [DONE]'),
    delta(content="wörld"),
    delta(finish="stop"),
]
