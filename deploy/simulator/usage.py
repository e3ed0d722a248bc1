from dataclasses import dataclass
from typing import Any, Final

from deploy.simulator.misbehaviour import Behaviour

HUGE: Final = 10**18


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer used, before any misbehaviour spoils how it is told."""

    prompt_tokens: int
    completion_tokens: int  # reasoning included
    cached_tokens: int = 0
    reasoning_tokens: int = 0


def usage_json(usage: Usage, behaviour: Behaviour) -> dict[str, Any]:
    """The `usage` object of an answer, as strings, negative or huge if that was asked."""
    cached, reasoning = usage.cached_tokens, usage.reasoning_tokens
    return {
        "prompt_tokens": told(usage.prompt_tokens, behaviour),
        "completion_tokens": told(usage.completion_tokens, behaviour),
        "total_tokens": told(usage.prompt_tokens + usage.completion_tokens, behaviour),
        "prompt_tokens_details": {
            "cached_tokens": told(cached, behaviour) if cached else 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": told(reasoning, behaviour) if reasoning else 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def embeddings_usage_json(usage: Usage, behaviour: Behaviour) -> dict[str, Any]:
    """The same of `/v1/embeddings`, which have no output."""
    prompt = told(usage.prompt_tokens, behaviour)
    return {"prompt_tokens": prompt, "total_tokens": prompt}


def responses_usage_json(usage: Usage, behaviour: Behaviour) -> dict[str, Any]:
    """The same of `/v1/responses`, which has other names for it."""
    cached, reasoning = usage.cached_tokens, usage.reasoning_tokens
    return {
        "input_tokens": told(usage.prompt_tokens, behaviour),
        "input_tokens_details": {
            "cached_tokens": told(cached, behaviour) if cached else 0,
            "cache_write_tokens": 0,
        },
        "output_tokens": told(usage.completion_tokens, behaviour),
        "output_tokens_details": {
            "reasoning_tokens": told(reasoning, behaviour) if reasoning else 0
        },
        "total_tokens": told(usage.prompt_tokens + usage.completion_tokens, behaviour),
    }


def told(count: int, behaviour: Behaviour) -> int | str:
    """One figure as it is told: as it is, unless something else was asked."""
    if behaviour.usage_huge:
        count = HUGE
    if behaviour.usage_negative:
        count = -count
    return str(count) if behaviour.usage_strings else count
