"""Events of an Anthropic stream, as the provider writes them."""

import json
from typing import Any

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def event(name: str, **fields: Any) -> bytes:
    data = json.dumps({"type": name, **fields})
    return f"event: {name}\ndata: {data}\n\n".encode()


def start(usage: Any = None, **more: Any) -> bytes:
    message = {"id": "msg_1", "role": "assistant", "content": [], "model": "m", **more}
    return event("message_start", message=message | ({"usage": usage} if usage else {}))


def block(kind: str, index: int = 0, **more: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **more})


def delta(kind: str, text: str, index: int = 0) -> bytes:
    field = {"text": "text", "thinking": "thinking", "input_json": "partial_json"}.get(kind, kind)
    inner = {"type": f"{kind}_delta", field: text}
    return event("content_block_delta", index=index, delta=inner)


def block_stop(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


def finish(usage: Any = None, reason: str | None = "end_turn") -> bytes:
    more = {"usage": usage} if usage else {}
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, **more)


INPUT = {
    "input_tokens": 11,
    "cache_read_input_tokens": 7,
    "cache_creation_input_tokens": 8,
    "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 3},
    "output_tokens": 1,
}
SPOKEN = [
    start(INPUT),
    PING,
    block("thinking", thinking="", signature=""),
    delta("thinking", "Hmm"),
    delta("signature", "c2lnbmVk" * 20),
    block_stop(),
    block("text", 1, text=""),
    delta("text", "Hello", 1),
    delta("text", ' he said "usage": {"input_tokens": 1} \n\n event: message_stop', 1),
    delta("text", "wörld", 1),
    block_stop(1),
    block("tool_use", 2, id="toolu_1", name="weather", input={}),
    delta("input_json", '{"city":', 2),
    delta("input_json", '"Rome"}', 2),
    block_stop(2),
    event("novel_event", novelty=[1, 2]),
]
CONTENT_BYTES = sum(
    len(text.encode())
    for text in (
        *("Hmm", "Hello", ' he said "usage": {"input_tokens": 1} \n\n event: message_stop'),
        *("wörld", '{"city":', '"Rome"}'),
    )
)
