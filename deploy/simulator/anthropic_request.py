"""Reading a request of `/v1/messages`, and counting its input."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import read_model, read_object
from deploy.simulator.web_search import offered_searches

BYTES_PER_TOKEN: Final = 4
IMAGE_TOKENS: Final = 85
DOCUMENT_TOKENS: Final = 1_500
_THINKING_TYPES: Final = frozenset({"enabled", "adaptive"})
_THINKING_TOKENS: Final = 8


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """What the simulator reads of a request; it ignores the other fields."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool
    max_tokens: int
    tools: Sequence[Mapping[str, Any]]
    tool_choice: Mapping[str, Any]
    thinking_tokens: int
    """How much it thinks, where nothing else is asked of it."""
    input_tokens: int
    searches_offered: int


def read_messages_request(body: Any, *, needs_max_tokens: bool = True) -> MessagesRequest:
    """Read the body. Raises InvalidRequestError: a needed field is missing or of a wrong kind."""
    fields = read_object(body)
    model = read_model(fields)
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequestError("at least one message is required", "messages")
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        raise InvalidRequestError("each message is an object with a role", "messages")
    thinking = fields.get("thinking")
    thinks = isinstance(thinking, dict) and thinking.get("type") in _THINKING_TYPES
    tool_choice = fields.get("tool_choice")
    return MessagesRequest(
        model=model,
        messages=messages,
        stream=fields.get("stream") is True,
        max_tokens=_max_tokens(fields) if needs_max_tokens else 0,
        tools=[tool for tool in fields.get("tools") or () if "input_schema" in tool],
        tool_choice=tool_choice if isinstance(tool_choice, dict) else {"type": "auto"},
        thinking_tokens=_THINKING_TOKENS if thinks else 0,
        input_tokens=count_input_tokens(fields),
        searches_offered=offered_searches(fields.get("tools") or ()),
    )


def count_input_tokens(body: Mapping[str, Any]) -> int:
    """The input tokens of a request; pure, so that a test can foretell a charge.

    A quarter of the UTF-8 bytes of all text in `system` and `messages` (tool results too), rounded
    up, 85 for each image and 1,500 for each document; at least 1. Tools are not counted.
    """
    size_bytes = images = documents = 0
    for block in _blocks([{"content": body.get("system")}, *body["messages"]]):
        text = block.get("text")
        if isinstance(text, str):
            size_bytes += len(text.encode("utf-8", "surrogatepass"))
        images += block.get("type") == "image"
        documents += block.get("type") == "document"
    media = images * IMAGE_TOKENS + documents * DOCUMENT_TOKENS
    return max(1, -(-size_bytes // BYTES_PER_TOKEN) + media)


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message whose role is `user`, tool results included."""
    for message in reversed(messages):
        if message.get("role") == "user":
            texts = [block.get("text") for block in _blocks([message])]
            return "".join(text for text in texts if isinstance(text, str))
    return ""


def _blocks(holders: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """All content blocks, those inside of tool results too; a plain string as a text block."""
    for holder in holders:
        content = holder.get("content")
        if isinstance(content, str):
            yield {"type": "text", "text": content}
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                yield block
                yield from _blocks([block])


def _max_tokens(fields: Mapping[str, Any]) -> int:
    value = fields.get("max_tokens")
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequestError("a non-negative integer is required", "max_tokens")
    return value
