"""OpenAI's responses, stateless: nothing is kept, here or at the provider."""

from typing import Any, Final

import orjson

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.body import (
    ESCAPED,
    parse_object,
    read_count,
    read_model,
    read_typed,
    refuse_ambiguous,
)
from services.relay.dialects.dialect import AnswerFacts, Dialect, RequestFacts
from services.relay.dialects.json_fields import (
    Field,
    insert_first,
    replace_values,
    top_level_fields,
)
from services.relay.dialects.openai_content import output_bytes
from services.relay.dialects.openai_media import media_of_items
from services.relay.dialects.openai_offered import TIER, asked_tier
from services.relay.dialects.openai_responses_stream import OPENAI_RESPONSES, ResponsesStreamReader
from services.relay.dialects.openai_stateless import (
    STATE,
    refuse_kept_items,
    refuse_state,
)
from services.relay.dialects.openai_tools import (
    MAX_TOOL_CALLS,
    read_responses_tools,
    with_max_tool_calls,
)
from services.relay.dialects.openai_usage import read_responses_usage
from services.relay.errors import invalid_request

DECIDING: Final = STATE | {
    *("model", "stream", "max_output_tokens", "store", "background", "input", "tools"),
    *("context_management", TIER, MAX_TOOL_CALLS),
}
_STORE: Final = b'"store"'


class Responses:
    """A Call."""

    dialect: Dialect = OPENAI_RESPONSES
    path = "/v1/responses"
    upstream_path = "/responses"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        parsed = parse_object(body)
        refuse_ambiguous(body, parsed, DECIDING)
        refuse_state(parsed)
        items = parsed.get("input")
        if not isinstance(items, (str, list)):
            raise invalid_request("`input` must be a string or an array of items.", param="input")
        refuse_kept_items(items)
        tools = read_responses_tools(body, parsed)
        media = media_of_items(items if isinstance(items, list) else [])
        return RequestFacts(
            model=read_model(parsed),
            is_stream=bool(read_typed(parsed, "stream", bool)),
            wants_usage=True,
            answers=1,
            max_output_tokens=read_count(parsed, "max_output_tokens", minimum=0),
            text_bytes=len(body) - media.inline_bytes + tools.hidden_tokens,
            media_count=media.counted,
            likely_media_count=media.likely,
            service_tier=asked_tier(parsed),
            hosted=tools.hosted,
        )

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call. The provider is told not to store the answer, which it would by default."""
        if facts.hosted is not None and facts.hosted.needs_bound:
            body = with_max_tool_calls(body)
        changes: list[tuple[Field, bytes]] = []
        has_store = False
        if model != facts.model or _STORE in body or ESCAPED.search(body):
            for field in top_level_fields(body):
                if field.name == "store":
                    has_store = True
                    if body[field.start : field.end] != b"false":  # null: as if it were not there
                        changes.append((field, b"false"))
                elif field.name == "model" and model != facts.model:
                    changes.append((field, orjson.dumps(model)))
        changed = replace_values(body, changes) if changes else body
        return changed if has_store else insert_first(changed, b'"store":false')

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        parsed = parse_answer(body)
        return AnswerFacts(
            read_responses_usage(parsed),
            output_bytes(parsed),
            has_error=is_failed(parsed),
        )

    def stream_reader(self, facts: RequestFacts) -> ResponsesStreamReader:  # noqa: ARG002  # a Call's
        """See Call."""
        return ResponsesStreamReader()


def is_failed(response: dict[str, Any]) -> bool:
    """Whether a response tells that the provider failed to answer."""
    return response.get("status") == "failed"
