"""Anthropic's messages, and counting their tokens."""

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.anthropic import ANTHROPIC
from services.relay.dialects.anthropic_content import content_bytes
from services.relay.dialects.anthropic_request import read_messages_request
from services.relay.dialects.anthropic_search import with_max_uses
from services.relay.dialects.anthropic_stream import AnthropicStreamReader
from services.relay.dialects.anthropic_usage import read_usage
from services.relay.dialects.body import with_model
from services.relay.dialects.dialect import AnswerFacts, Dialect, RequestFacts


class Messages:
    """A Call."""

    dialect: Dialect = ANTHROPIC
    path = "/v1/messages"
    upstream_path = "/messages"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        return read_messages_request(body)

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call."""
        if facts.hosted is not None and facts.hosted.needs_bound:
            body = with_max_uses(body)
        return body if model == facts.model else with_model(body, model)

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        parsed = parse_answer(body)
        return AnswerFacts(read_usage(parsed.get("usage")), content_bytes(parsed))

    def stream_reader(self, facts: RequestFacts) -> AnthropicStreamReader:  # noqa: ARG002  # a Call's
        """See Call."""
        return AnthropicStreamReader()


class CountTokens(Messages):
    """A Call that costs nothing: no model is asked."""

    path = "/v1/messages/count_tokens"
    upstream_path = "/messages/count_tokens"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        return read_messages_request(body, is_free=True)
