"""Every call that the relay relays, and which dialect speaks on a path. One screen."""

from collections.abc import Mapping
from typing import Final

from services.relay.dialects.anthropic import ANTHROPIC, VERSION_HEADER
from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.dialect import Call, Dialect
from services.relay.dialects.openai import OPENAI
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.dialects.openai_completions import Completions
from services.relay.dialects.openai_embeddings import Embeddings
from services.relay.dialects.openai_moderations import Moderations
from services.relay.dialects.openai_responses import Responses

MODELS_PATH: Final = "/v1/models"
CALLS: Final[tuple[Call, ...]] = (
    ChatCompletions(),
    Completions(),
    Responses(),
    Embeddings(),
    Moderations(),
    Messages(),
    CountTokens(),
)
_FAMILIES: Final[tuple[tuple[str, Dialect], ...]] = (("/v1/messages", ANTHROPIC),)
"""Beginnings of paths whose clients do not speak OpenAI's dialect."""


def dialect_of(path: str, headers: Mapping[str, str]) -> Dialect:
    """In which dialect the clients of a path expect their answers.

    Models are listed for both: there, who sends `anthropic-version` speaks Anthropic's.
    """
    if (path == MODELS_PATH or path.startswith(MODELS_PATH + "/")) and VERSION_HEADER in headers:
        return ANTHROPIC
    for beginning, dialect in _FAMILIES:
        if path == beginning or path.startswith(beginning + "/"):
            return dialect
    return OPENAI
