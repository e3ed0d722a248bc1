"""What the documentation says of the relay's own calls: `/v1/*` and `/api/status`."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from shared.http.described import Described, Who


class RelayedCall(NamedTuple):
    """A call that goes on to a provider. Its fields are the provider's; these it must have."""

    summary: str
    fields: Mapping[str, str]
    """Required fields of the body and their JSON types."""
    example: Mapping[str, Any]
    """A body that the demo's models answer."""
    streams: bool = True
    """`stream: true` is answered with server-sent events."""


_MODEL: Final = "gpt-4o-mini"
_MESSAGES: Final = [{"role": "user", "content": "Hello"}]
_CLAUDE: Final = {"model": "claude-sonnet-5-5", "messages": _MESSAGES}
RELAYED: Final[Mapping[str, RelayedCall]] = {
    "/v1/chat/completions": RelayedCall(
        "OpenAI's chat completions",
        {"model": "string", "messages": "array"},
        {"model": _MODEL, "messages": _MESSAGES},
    ),
    "/v1/completions": RelayedCall(
        "OpenAI's completions of a text",
        {"model": "string"},
        {"model": _MODEL, "prompt": "Once upon a time", "max_tokens": 16},
    ),
    "/v1/responses": RelayedCall(
        "OpenAI's responses, without anything kept between them",
        {"model": "string"},
        {"model": _MODEL, "input": "Hello", "store": False},
    ),
    "/v1/embeddings": RelayedCall(
        "OpenAI's embeddings",
        {"model": "string"},
        {"model": "text-embedding-3-small", "input": "Hello"},
        streams=False,
    ),
    "/v1/moderations": RelayedCall(
        "OpenAI's moderations",
        {},
        {"model": "omni-moderation-latest", "input": "Hello"},
        streams=False,
    ),
    "/v1/messages": RelayedCall(
        "Anthropic's messages",
        {"model": "string", "messages": "array"},
        {**_CLAUDE, "max_tokens": 64},
    ),
    "/v1/messages/count_tokens": RelayedCall(
        "Anthropic's count of a message's tokens; free",
        {"model": "string", "messages": "array"},
        _CLAUDE,
        streams=False,
    ),
}


class GatewayStatus(BaseModel):
    """`/api/status`."""

    version: str
    start_time: int
    system_name: str
    quota_per_unit: int


CALLS: Final = (
    Described(
        method="GET",
        path="/api/status",
        summary="What tools ask first: version, and how much quota a dollar is",
        who=Who.ANYONE,
        data=GatewayStatus,
    ),
)
