"""OpenAI's text completions, the older call."""

from typing import Any, Final

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.body import (
    parse_object,
    read_count,
    read_model,
    read_typed,
    refuse_ambiguous,
)
from services.relay.dialects.dialect import AnswerFacts, Dialect, RequestFacts
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_content import text_bytes
from services.relay.dialects.openai_options import (
    DECIDING_OPTIONS,
    read_answers,
    read_wants_usage,
    upstream_body,
)
from services.relay.dialects.openai_prompts import count_prompts
from services.relay.dialects.openai_stream import OpenAIStreamReader
from services.relay.dialects.openai_usage import read_usage

DECIDING: Final = frozenset(
    {"model", "stream", "stream_options", "n", "best_of", "max_tokens", "prompt"}
)


class Completions:
    """A Call."""

    dialect: Dialect = OPENAI
    path = "/v1/completions"
    upstream_path = "/completions"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call. Each prompt gets max(n, best_of) answers."""
        parsed = parse_object(body)
        refuse_ambiguous(body, parsed, DECIDING, DECIDING_OPTIONS)
        return RequestFacts(
            model=read_model(parsed),
            is_stream=bool(read_typed(parsed, "stream", bool)),
            wants_usage=read_wants_usage(parsed),
            answers=_prompts(parsed) * read_answers(parsed),
            max_output_tokens=read_count(parsed, "max_tokens", minimum=0),
            text_bytes=len(body),
            media_count=0,
        )

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call."""
        return upstream_body(body, facts, model=model)

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        parsed = parse_answer(body)
        return AnswerFacts(read_usage(parsed), text_bytes(parsed))

    def stream_reader(self, facts: RequestFacts) -> OpenAIStreamReader:
        """See Call."""
        return OpenAIStreamReader(passes_usage=facts.wants_usage, content_of=text_bytes)


def _prompts(parsed: dict[str, Any]) -> int:
    """Without any, the provider begins a document: one prompt."""
    prompt = parsed.get("prompt")
    return 1 if prompt is None else count_prompts(prompt, "prompt")
