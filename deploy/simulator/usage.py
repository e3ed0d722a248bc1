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

    def told(count: int) -> int | str:
        if behaviour.usage_huge:
            count = HUGE
        if behaviour.usage_negative:
            count = -count
        return str(count) if behaviour.usage_strings else count

    total = usage.prompt_tokens + usage.completion_tokens
    return {
        "prompt_tokens": told(usage.prompt_tokens),
        "completion_tokens": told(usage.completion_tokens),
        "total_tokens": told(total),
        "prompt_tokens_details": {
            "cached_tokens": told(usage.cached_tokens) if usage.cached_tokens else 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": told(usage.reasoning_tokens) if usage.reasoning_tokens else 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
