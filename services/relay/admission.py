"""What a request may use and what it may cost at the most. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from services.relay.authentication import ApiCaller
from services.relay.books.prices import GroupRatioInForce, PriceBook, PriceInForce
from services.relay.books.routing import RoutingBook
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError, invalid_request
from shared.events.requests import ErrorCode
from shared.events.routing import ModelChanged
from shared.money.quota import QUOTA_PER_UNIT
from shared.money.rating import affordable_output_tokens, upper_bound


class Terms(NamedTuple):
    """On what terms a request is admitted."""

    model: ModelChanged
    price: PriceInForce
    group_ratios: Mapping[str, GroupRatioInForce]
    """The groups in which it may be tried, the caller's own first, and what each costs."""
    prompt_tokens: int
    """Upper bound of the input."""
    output_tokens: int
    """Upper bound of one answer."""
    dearest_group_ratio: Decimal
    hold_units: int
    """Upper bound of the charge."""


def terms_of(
    facts: RequestFacts,
    caller: ApiCaller,
    *,
    routing: RoutingBook,
    prices: PriceBook,
    at: datetime,
) -> Terms:
    """The terms for a request that arrived `at`. Raises RelayError 403, 404 or 503."""
    limits = caller.key.model_limits
    if limits is not None and facts.model not in limits:
        raise RelayError(
            ErrorCode.MODEL_NOT_ALLOWED, 403, "The API key may not use this model.", param="model"
        )
    model = routing.usable_model(facts.model, caller.group)
    if model is None:
        raise RelayError(
            ErrorCode.MODEL_NOT_FOUND,
            404,
            "The model does not exist or your group may not use it.",
            param="model",
        )
    if facts.media_count and not model.max_media_tokens:
        # Without a bound for its media no hold would be an upper bound.
        raise invalid_request("The model takes no images, audio or files.")
    price = prices.price(facts.model, at)
    group_ratios = {
        group: ratio
        for group in _groups(facts.model, caller, routing)
        if (ratio := prices.group_ratio(group, caller.user.group, at)) is not None
    }
    if price is None or caller.group not in group_ratios:
        raise RelayError(
            ErrorCode.MODEL_PRICE_NOT_SET, 503, "No price is set for this model.", param="model"
        )
    prompt_tokens = facts.text_bytes + facts.media_count * model.max_media_tokens
    maximum = price.max_output_tokens or model.max_output_tokens
    output_tokens = maximum if facts.max_output_tokens is None else facts.max_output_tokens
    dearest = max(each.ratio for each in group_ratios.values())
    bound = 0
    if not facts.is_free:
        bound = upper_bound(
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            answers=facts.answers,
            price=price.ratios,
            dearest_group_ratio=dearest,
        )
    return Terms(
        model=model,
        price=price,
        group_ratios=group_ratios,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        dearest_group_ratio=dearest,
        hold_units=bound,
    )


def quota_short(
    terms: Terms, facts: RequestFacts, spendable_units: int, *, is_key: bool
) -> RelayError:
    """403: the balance, or the key's quota, does not cover the hold.

    Says which `max_tokens` it would cover.
    """
    covered = affordable_output_tokens(
        available_units=spendable_units,
        prompt_tokens=terms.prompt_tokens,
        answers=facts.answers,
        price=terms.price.ratios,
        dearest_group_ratio=terms.dearest_group_ratio,
    )
    what = "The API key's remaining quota" if is_key else "The balance"
    short = (
        f"{what} (${_dollars(spendable_units)}) does not cover what this request may cost"
        f" (${_dollars(terms.hold_units)})."
    )
    hint = f" It would cover `max_tokens` up to {covered}." if covered > 0 else ""
    code = ErrorCode.KEY_EXHAUSTED if is_key else ErrorCode.INSUFFICIENT_QUOTA
    return RelayError(code, 403, short + hint)


def _groups(model: str, caller: ApiCaller, routing: RoutingBook) -> list[str]:
    """The caller's group; where its key may go on to the user's others, those as well."""
    if not caller.key.cross_group_retry:
        return [caller.group]
    others = (caller.user.group, *routing.selectable_groups())
    allowed = [group for group in others if routing.usable_model(model, group) is not None]
    return list(dict.fromkeys((caller.group, *allowed)))


def _dollars(units: int) -> str:
    return f"{Decimal(max(0, units)) / QUOTA_PER_UNIT:.6f}"
