"""OpenAI's chat completions."""

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.dialect import (
    AnswerFacts,
    Dialect,
    RequestFacts,
)
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_content import content_bytes
from services.relay.dialects.openai_options import upstream_body
from services.relay.dialects.openai_request import read_chat_request
from services.relay.dialects.openai_stream import OpenAIStreamReader
from services.relay.dialects.openai_usage import read_usage


class ChatCompletions:
    """A Call."""

    dialect: Dialect = OPENAI
    path = "/v1/chat/completions"
    upstream_path = "/chat/completions"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        return read_chat_request(body)

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call."""
        return upstream_body(body, facts, model=model)

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        parsed = parse_answer(body)
        usage = read_usage(parsed)
        # What is told need not be estimated.
        return AnswerFacts(usage, content_bytes(parsed, "message") if usage is None else 0)

    def stream_reader(self, facts: RequestFacts) -> OpenAIStreamReader:
        """See Call."""
        return OpenAIStreamReader(passes_usage=facts.wants_usage)
