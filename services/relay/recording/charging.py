"""What a request is charged. Pure."""

from typing import Final

from services.relay.exchange import Charge, Ending, Exchange
from shared.events.numbers import MAX_TOKENS
from shared.events.requests import Outcome
from shared.events.usage import Usage, UsageSource
from shared.money.rating import UnitCounts

_BYTES_PER_TOKEN: Final = 4
_NOTHING: Final = Usage()


def charge_of(exchange: Exchange, ending: Ending) -> Charge:
    """What the request is charged.

    By the provider's usage where there is one; by an estimate of what was passed on where an
    answer had begun; nothing where none had.
    """
    terms = exchange.group_terms
    if exchange.facts.is_free:
        return Charge(0, _NOTHING, UsageSource.NONE, terms.rating_json)
    usage, source = exchange.usage, UsageSource.PROVIDER
    if usage is None:
        if ending.outcome is not Outcome.SUCCEEDED and exchange.content_bytes == 0:
            return Charge(0, _NOTHING, UsageSource.NONE, terms.rating_json)
        usage, source = estimate(exchange), UsageSource.ESTIMATED
    created, for_an_hour = usage.cache_creation_tokens, usage.cache_creation_1h_tokens
    for_an_hour = min(created, for_an_hour)
    units = UnitCounts(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        created - for_an_hour,
        for_an_hour,
        usage.image_tokens,
        usage.audio_tokens,
        usage.prompt_includes_cached,
        usage.output_audio_tokens,
        usage.output_image_tokens,
        tuple(usage.tool_calls.items()) if usage.tool_calls else (),
    )
    tariff, rating_json = terms.tariff, terms.rating_json
    if terms.served is not None:
        # What the provider says it served in, else what it was asked for.
        service_tier = usage.service_tier or exchange.facts.service_tier
        tariff, rating_json = terms.served.rated(units.total_prompt, service_tier)
    return Charge(tariff.charge(units), usage, source, rating_json)


def estimate(exchange: Exchange) -> Usage:
    """Tokens by bytes / 4 and by likely media, where the provider told none.

    What it told of the input stands.
    """
    # However long an answer was: more than an event can tell would be no event at all.
    completion_tokens = min(MAX_TOKENS, -(-exchange.content_bytes // _BYTES_PER_TOKEN))
    if exchange.told_input is not None:
        return exchange.told_input.model_copy(update={"completion_tokens": completion_tokens})
    facts = exchange.facts
    text_tokens = -(-facts.text_bytes // _BYTES_PER_TOKEN)
    likely_media_tokens = facts.likely_media_count * exchange.terms.offer.model.max_media_tokens
    return Usage(
        prompt_tokens=min(MAX_TOKENS, text_tokens + likely_media_tokens),
        completion_tokens=completion_tokens,
    )
