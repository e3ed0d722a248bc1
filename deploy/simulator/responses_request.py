from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.simulator.chat_request import BYTES_PER_TOKEN, IMAGE_TOKENS
from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import read_count, read_model, read_object
from deploy.simulator.web_search import offered_searches

_TEXT_FIELDS: Final = ("text", "output", "arguments", "input")


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """What the simulator reads of a `/v1/responses` request; it ignores the other fields."""

    model: str
    items: Sequence[Mapping[str, Any]]  # a plain input is one message of the user's
    instructions: str
    stream: bool
    max_output_tokens: int | None
    tools: Sequence[Mapping[str, Any]]
    tool_choice: Any
    text_format: Mapping[str, Any]
    service_tier: Any  # as it was asked for
    searches_offered: int
    repeated: Mapping[str, Any]
    """Fields that the answer repeats."""


def read_responses_request(body: Any) -> ResponsesRequest:
    """Read the body. Raises InvalidRequestError, also for what was kept elsewhere: it has none."""
    read_object(body)
    for name in ("previous_response_id", "conversation", "prompt"):
        if body.get(name) is not None:
            raise InvalidRequestError(f"'{name}' was not found.", name)
    items = body.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if (
        not isinstance(items, list)
        or not items
        or not all(isinstance(item, dict) for item in items)
    ):
        raise InvalidRequestError("'input' is a string or an array of items.", "input")
    if any(item.get("type") == "item_reference" for item in items):
        raise InvalidRequestError("The item was not found.", "input")
    text = body.get("text") or {}
    return ResponsesRequest(
        model=read_model(body),
        items=items,
        instructions=body.get("instructions") or "",
        stream=body.get("stream") is True,
        max_output_tokens=read_count(body, "max_output_tokens"),
        tools=body.get("tools") or (),
        tool_choice=body.get("tool_choice", "auto"),
        text_format=text.get("format") or {},
        service_tier=body.get("service_tier"),
        searches_offered=offered_searches(body.get("tools") or (), body.get("max_tool_calls")),
        repeated={
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "max_tool_calls": body.get("max_tool_calls"),
            "metadata": body.get("metadata") or {},
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "store": body.get("store", True),
            "temperature": body.get("temperature", 1.0),
            "text": text or {"format": {"type": "text"}},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_p": body.get("top_p", 1.0),
            "truncation": body.get("truncation", "disabled"),
        },
    )


def count_input_tokens(items: Sequence[Mapping[str, Any]], instructions: str = "") -> int:
    """The input tokens; pure, so that a test can foretell a charge.

    A quarter of the UTF-8 bytes of all text in the items and the instructions, rounded up, plus
    85 for each image; at least 1. Tools are not counted.
    """
    texts = [instructions, *(text for item in items for text in _texts(item))]
    size_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    parts = [part for item in items for part in _parts(item)]
    images = sum(1 for part in parts if part.get("type") == "input_image")
    return max(1, -(-size_bytes // BYTES_PER_TOKEN) + images * IMAGE_TOKENS)


def last_input_text(items: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message whose role is `user`; empty if there is none."""
    for item in reversed(items):
        if item.get("role") == "user":
            return "".join(_texts(item))
    return ""


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    content = item.get("content")
    if isinstance(content, str):
        yield content
    yield from (item[name] for name in _TEXT_FIELDS if isinstance(item.get(name), str))
    yield from (part["text"] for part in _parts(item) if isinstance(part.get("text"), str))


def _parts(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("content", "output"):
        parts = item.get(name)
        if isinstance(parts, list):
            yield from (part for part in parts if isinstance(part, dict))
