"""The events of a streamed message, in order. Pure: it only makes bytes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.simulator.anthropic_answer import (
    MessageAnswer,
    input_usage_json,
    message_head,
    output_usage_json,
)
from deploy.simulator.anthropic_blocks import SIGNATURE, opening_block
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.sse import NamedEvent

_DELTAS: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
    "server_tool_use": ("input_json_delta", "partial_json"),
}


def message_events(
    answer: MessageAnswer, behaviour: Behaviour, error: bytes
) -> Iterator[NamedEvent]:
    """`message_start` to `message_stop`; `error` is sent half-way if that was asked."""
    tells = not behaviour.no_usage
    tells_first = tells and not behaviour.usage_in_last_chunk
    sent_usage = input_usage_json(answer.usage, behaviour)
    message = message_head(answer) | {"content": [], "stop_reason": None, "stop_sequence": None}
    if tells_first:
        message["usage"] = sent_usage | {"output_tokens": 1}
    yield _event("message_start", {"message": message})
    yield _event("ping", {})
    half = sum(len(block.chunks) for block in answer.blocks) // 2
    for index, block in enumerate(answer.blocks):
        yield _event("content_block_start", {"index": index, "content_block": opening_block(block)})
        for chunk in block.chunks:
            if half == 0 and behaviour.error_event_mid_stream:
                yield NamedEvent("error", error)
                return
            if half == 0 and behaviour.malformed_json:
                yield NamedEvent("content_block_delta", b'{"type":"content_block_delta","ind')
            half -= 1
            kind, field = _DELTAS[block.kind]
            yield _event(
                "content_block_delta", {"index": index, "delta": {"type": kind, field: chunk}}
            )
        if block.kind == "thinking":
            signed = {"type": "signature_delta", "signature": SIGNATURE}
            yield _event("content_block_delta", {"index": index, "delta": signed})
        yield _event("content_block_stop", {"index": index})
    if behaviour.unknown_events:
        yield _event("novel_event", {"novelty": 1})
    yield _event("message_delta", _last(answer, behaviour, sent_usage if tells else None))
    if not behaviour.no_done:
        yield _event("message_stop", {})


def _last(
    answer: MessageAnswer, behaviour: Behaviour, usage: dict[str, Any] | None
) -> dict[str, Any]:
    delta = {"stop_reason": answer.stop_reason, "stop_sequence": None}
    if usage is None:
        return {"delta": delta}
    # The dialect repeats the input side, but for the split by time.
    told_again = {
        name: count
        for name, count in usage.items()
        if behaviour.usage_in_last_chunk or name not in {"cache_creation", "service_tier"}
    }
    return {"delta": delta, "usage": told_again | output_usage_json(answer.usage, behaviour)}


def _event(kind: str, fields: Mapping[str, Any]) -> NamedEvent:
    return NamedEvent(kind, to_json({"type": kind, **fields}))
