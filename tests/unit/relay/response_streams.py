"""Events of a stream of `/v1/responses`, as providers write them."""

import json
from typing import Any

# What a client wrote into its tools, repeated by the provider.
TOOLS = [{"type": "function", "parameters": {"x": {"type": "response.completed"}, "error": "y"}}]


def event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": 1, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def delta(text: str, kind: str = "response.output_text.delta") -> bytes:
    return event(kind, output_index=0, delta=text, logprobs=[])


def end(kind: str = "completed", usage: Any = (5, 7)) -> bytes:
    told = {"input_tokens": usage[0], "output_tokens": usage[1]} if usage else None
    response = {"status": kind, "error": None, "tools": TOOLS, "usage": told}
    return event(f"response.{kind}", response=response)


BEGUN = event("response.created", response={"status": "in_progress", "error": None, "tools": TOOLS})
SPOKEN = [
    BEGUN,
    event("response.output_item.added", item={"type": "message"}),
    delta("Hello"),
    delta(' said "type": "response.completed" \n\n data: [DONE] wörld'),
    delta('{"a":', "response.function_call_arguments.delta"),
    event("response.output_text.done", text="Hello"),
]
