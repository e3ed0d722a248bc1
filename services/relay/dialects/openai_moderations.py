"""OpenAI's moderations. They tell no usage, and OpenAI asks no money for them."""

from typing import Final

import orjson

from services.relay.dialects.answer_body import parse_answer
from services.relay.dialects.body import parse_object, read_model, refuse_ambiguous, with_model
from services.relay.dialects.dialect import AnswerFacts, Dialect, RequestFacts
from services.relay.dialects.json_fields import insert_first, top_level_fields
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_media import media_of_parts
from services.relay.dialects.openai_stream import OpenAIStreamReader
from services.relay.errors import invalid_request

DECIDING: Final = frozenset({"model", "input"})
DEFAULT_MODEL: Final = "omni-moderation-latest"
"""What OpenAI takes where the request names no model."""


class Moderations:
    """A Call. It is never streamed."""

    dialect: Dialect = OPENAI
    path = "/v1/moderations"
    upstream_path = "/moderations"

    def read_request(self, body: bytes) -> RequestFacts:
        """See Call."""
        parsed = parse_object(body)
        refuse_ambiguous(body, parsed, DECIDING)
        model = DEFAULT_MODEL if parsed.get("model") is None else read_model(parsed)
        asked = parsed.get("input")
        if not isinstance(asked, (str, list)):
            raise invalid_request("`input` must be a string or an array.", param="input")
        media = media_of_parts(asked if isinstance(asked, list) else ())
        return RequestFacts(
            model=model,
            is_stream=False,
            wants_usage=False,
            answers=1,
            max_output_tokens=0,
            text_bytes=len(body) - media.inline_bytes,
            media_count=media.counted,
            likely_media_count=media.likely,
        )

    def upstream_body(self, body: bytes, facts: RequestFacts, *, model: str) -> bytes:
        """See Call."""
        if model == facts.model:
            return body
        if any(field.name == "model" for field in top_level_fields(body)):
            return with_model(body, model)
        return insert_first(body, b'"model":' + orjson.dumps(model))

    def read_answer(self, body: bytes) -> AnswerFacts:
        """See Call."""
        parse_answer(body)
        return AnswerFacts(None, 0)

    def stream_reader(self, facts: RequestFacts) -> OpenAIStreamReader:
        """See Call."""
        return OpenAIStreamReader(passes_usage=facts.wants_usage)
