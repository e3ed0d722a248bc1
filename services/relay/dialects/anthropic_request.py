"""Reading what decides an Anthropic request."""

from typing import Final

from services.relay.dialects.anthropic_media import media_of
from services.relay.dialects.anthropic_offered import (
    DECIDING_FIELDS,
    DECIDING_INSIDE,
    asked_tier,
    refuse_unoffered,
)
from services.relay.dialects.anthropic_tools import read_tools, refuse_tools_in
from services.relay.dialects.body import (
    parse_object,
    read_count,
    read_model,
    read_typed,
    refuse_ambiguous,
)
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import invalid_request

DECIDING: Final = DECIDING_FIELDS | {"model", "stream", "max_tokens", "messages", "tools"}


def read_messages_request(body: bytes, *, is_free: bool = False) -> RequestFacts:
    """The facts of `POST /v1/messages`, or of counting its tokens. Raises RelayError 400.

    Thinking counts within `max_tokens`. Without it the provider refuses the request; that is for
    the provider to say, and the hold is by the model's own maximum.
    """
    parsed = parse_object(body)
    refuse_ambiguous(body, parsed, DECIDING, DECIDING_INSIDE)
    model = read_model(parsed)
    messages = parsed.get("messages")
    if not isinstance(messages, list):
        raise invalid_request("`messages` must be an array.", param="messages")
    refuse_unoffered(parsed)
    refuse_tools_in(messages)
    tools = read_tools(body, parsed)
    media = media_of(messages)
    return RequestFacts(
        model=model,
        is_stream=bool(read_typed(parsed, "stream", bool)) and not is_free,
        wants_usage=True,  # it always has it
        answers=1,
        max_output_tokens=read_count(parsed, "max_tokens", minimum=0),
        text_bytes=len(body) - media.inline_bytes + tools.hidden_tokens,
        media_count=media.counted,
        likely_media_count=media.likely,
        service_tier=asked_tier(parsed),
        is_free=is_free,
        hosted=tools.hosted,
    )
