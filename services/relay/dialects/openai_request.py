"""Reading what decides an OpenAI chat request."""

from typing import Any, Final

from services.relay.dialects.body import (
    parse_object,
    read_count,
    read_model,
    read_typed,
    refuse_ambiguous,
)
from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.openai_media import NO_MEDIA, media_of_messages
from services.relay.dialects.openai_offered import TIER, asked_tier
from services.relay.dialects.openai_options import (
    DECIDING_OPTIONS,
    read_answers,
    read_wants_usage,
)
from services.relay.dialects.openai_stateless import refuse_keeping, refuse_kept_parts
from services.relay.dialects.openai_tools import refuse_chats_hosted_tools
from services.relay.errors import invalid_request

DECIDING: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "n",
        "best_of",
        "max_tokens",
        "max_completion_tokens",
        "messages",
        "web_search_options",
        "tools",
        "store",
        TIER,
    }
)


def read_chat_request(body: bytes) -> RequestFacts:
    """The facts of `POST /v1/chat/completions`. Raises RelayError 400."""
    parsed = parse_object(body)
    refuse_ambiguous(body, parsed, DECIDING, DECIDING_OPTIONS)
    model = read_model(parsed)
    messages = parsed.get("messages")
    if not isinstance(messages, list):
        raise invalid_request("`messages` must be an array.", param="messages")
    if parsed.get("web_search_options") is not None:
        # Each search costs extra at the provider, and the answer does not tell how many there were.
        raise invalid_request(
            "Web search is not offered in chat. Use `/v1/responses` with the tool `web_search`.",
            param="web_search_options",
        )
    if "store" in parsed:
        refuse_keeping(parsed, "store")
    if "tools" in parsed:
        refuse_chats_hosted_tools(body, parsed)
    media = NO_MEDIA
    if not _is_text_alone(messages):
        refuse_kept_parts(messages)
        media = media_of_messages(messages)
    limits = [
        limit
        for name in ("max_tokens", "max_completion_tokens")
        if name in parsed and (limit := read_count(parsed, name, minimum=0)) is not None
    ]
    return RequestFacts(
        model=model,
        is_stream="stream" in parsed and bool(read_typed(parsed, "stream", bool)),
        wants_usage="stream_options" in parsed and read_wants_usage(parsed),
        answers=read_answers(parsed) if "n" in parsed or "best_of" in parsed else 1,
        # A provider heeds one of the two; which one is not ours to guess.
        max_output_tokens=max(limits, default=None),
        text_bytes=len(body) - media.inline_bytes,
        media_count=media.counted,
        likely_media_count=media.likely,
        service_tier=asked_tier(parsed) if TIER in parsed else "",
    )


def _is_text_alone(messages: list[Any]) -> bool:
    """Whether the messages are strings and no more: nothing in them can be media or kept."""
    return all(
        type(message) is dict and type(message.get("content")) is str and "audio" not in message
        for message in messages
    )
