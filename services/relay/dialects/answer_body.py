"""Reading a whole, plain answer."""

from typing import Any

import orjson

from services.relay.dialects.dialect import AnswerMalformedError


def parse_answer(body: bytes) -> dict[str, Any]:
    """The answer as an object. Raises AnswerMalformedError."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AnswerMalformedError from None
    if not isinstance(parsed, dict):
        raise AnswerMalformedError
    return parsed
