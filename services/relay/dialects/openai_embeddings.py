"""OpenAI's embeddings: an input of any kind, and no output."""

from typing import Final

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.body import parse_object, read_model, refuse_ambiguous, with_model
from services.relay.dialects.dialect import AnswerFacts, Dialect, RequestFacts
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_prompts import count_prompts
from services.relay.dialects.openai_stream import OpenAIStreamReader
from services.relay.dialects.openai_usage import read_embeddings_usage

DECIDING: Final = frozenset({"model", "input"})


class Embeddings:
    """A Call. It is never streamed."""

    dialect: Dialect = OPENAI
    path = "/v1/embeddings"
    upstream_path = "/embeddings"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        parsed = parse_object(body)
        refuse_ambiguous(body, parsed, DECIDING)
        count_prompts(parsed.get("input"), "input")
        return RequestFacts(
            model=read_model(parsed),
            is_stream=False,
            wants_usage=False,
            answers=1,
            max_output_tokens=0,
            text_bytes=len(body),
            media_count=0,
        )

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call."""
        return body if model == facts.model else with_model(body, model)

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        return AnswerFacts(read_embeddings_usage(parse_answer(body).get("usage")), 0)

    def stream_reader(self, facts: RequestFacts) -> OpenAIStreamReader:
        """See Call."""
        return OpenAIStreamReader(passes_usage=facts.wants_usage)
