from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import asks_usage, read_count, read_model, read_object

IMAGE_TOKENS: Final = 85
BYTES_PER_TOKEN: Final = 4
MAX_CHOICES: Final = 128


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What the simulator reads of a chat request; it ignores the other fields."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool
    include_usage: bool
    choices: int
    max_tokens: int | None  # per choice: the tighter of max_tokens and max_completion_tokens
    tools: Sequence[Mapping[str, Any]]
    tool_choice: Any
    response_format: Mapping[str, Any] | None
    service_tier: Any  # as it was asked for


def read_chat_request(body: Any) -> ChatRequest:
    """Read the body of a chat request.

    Raises:
        InvalidRequestError: a field that the simulator needs is missing or of the wrong kind.
    """
    body = read_object(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequestError("'messages' must be a non-empty array.", "messages")
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        raise InvalidRequestError("Each message is an object with a role.", "messages")
    limits = [
        limit
        for name in ("max_tokens", "max_completion_tokens")
        if (limit := read_count(body, name)) is not None
    ]
    response_format = body.get("response_format")
    return ChatRequest(
        model=read_model(body),
        messages=messages,
        stream=body.get("stream") is True,
        include_usage=asks_usage(body),
        choices=read_count(body, "n", at_most=MAX_CHOICES) or 1,
        max_tokens=min(limits) if limits else None,
        tools=body.get("tools") or (),
        tool_choice=body.get("tool_choice"),
        response_format=response_format if isinstance(response_format, dict) else None,
        service_tier=body.get("service_tier"),
    )


def count_prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """The prompt tokens of a list of messages; pure, so that a test can foretell a charge.

    A quarter of the UTF-8 bytes of all text content, rounded up, plus 85 for each image; at
    least 1. Tool definitions and roles are not counted.
    """
    size_bytes = images = 0
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            size_bytes += len(content.encode("utf-8", "surrogatepass"))
        elif isinstance(content, list):
            size_bytes += len(_text_of(content).encode("utf-8", "surrogatepass"))
            images += sum(
                isinstance(part, dict) and part.get("type") == "image_url" for part in content
            )
    return max(1, -(-size_bytes // BYTES_PER_TOKEN) + images * IMAGE_TOKENS)


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message whose role is `user`; empty if there is none."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            return content if isinstance(content, str) else _text_of(content or ())
    return ""


def _text_of(parts: Any) -> str:
    if not isinstance(parts, list):
        return ""
    return "".join(
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    )
