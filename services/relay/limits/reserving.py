"""How many tokens a request is reckoned with while it lasts, and how many it used.

A `max_tokens` that a request names is held whole, so that however many come at once cannot use
more than the limit. One that names none would have to hold the model's maximum, and a limit would
serve one such request at a time: it holds a usual figure instead, and what it uses beyond that is
taken from the window that follows. Why: docs/decisions/0012-limits.md.
"""

from collections.abc import Iterable
from typing import Final

from services.relay.admission import Terms
from services.relay.dialects.dialect import RequestFacts
from services.relay.limits.limit import Kind, Limit
from shared.events.usage import Usage

_BYTES_PER_TOKEN: Final = 4


def tokens_to_hold(
    facts: RequestFacts, terms: Terms, limits: Iterable[Limit], *, usual_output_tokens: int
) -> int:
    """What it may use: an estimate of its input, and the most of its output. At least 1."""
    if facts.is_free:
        return 0
    prompt = _prompt_tokens(facts, terms)
    if facts.max_output_tokens is not None:
        return max(1, prompt + facts.answers * facts.max_output_tokens)
    output = facts.answers * min(usual_output_tokens, terms.output_tokens)
    # Who names no maximum is not refused for ours: it may have all that there is.
    narrowest = min(
        (limit.capacity for limit in limits if limit.kind is Kind.TOKENS), default=prompt + output
    )
    return max(1, min(prompt + output, max(prompt, narrowest)))


def fitting_output_tokens(facts: RequestFacts, terms: Terms, capacity: int) -> int:
    """The largest `max_tokens` that fits into a limit; 0 or less: the input alone is too much."""
    return (capacity - _prompt_tokens(facts, terms)) // facts.answers


def used_tokens(usage: Usage) -> int:
    """Input and output together, as the provider counts them for limits of its own.

    What OpenAI read from a cache counts there; Anthropic counts what was written to one.
    """
    written = 0 if usage.prompt_includes_cached else usage.cache_creation_tokens
    return usage.prompt_tokens + usage.completion_tokens + written


def _prompt_tokens(facts: RequestFacts, terms: Terms) -> int:
    # Bytes are the only sure bound of tokens, and four times too much: nothing would fit.
    text = -(-facts.text_bytes // _BYTES_PER_TOKEN)
    return text + facts.likely_media_count * terms.offer.model.max_media_tokens
