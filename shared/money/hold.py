"""What a request can cost at the most, and how much of an answer a balance covers. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from shared.money.context_tiers import within_reach
from shared.money.exact import EXACT, ONE, product, sum_products, to_units
from shared.money.price_ratios import PriceRatios
from shared.money.rating import UnitCounts, rate
from shared.money.tools_price import tools_cost

_HALF: Final = Decimal("0.5")


def upper_bound(
    *,
    prompt_tokens: int,
    output_tokens: int,
    answers: int,
    price: PriceRatios,
    dearest_group_ratio: Decimal,
    service_tier_ratio: Decimal = ONE,
    tool_calls: Iterable[tuple[str, int]] = (),
) -> int:
    """What a request can cost at the most, in quota units: the hold.

    `prompt_tokens` bounds the input (bytes without inline media, and each medium's maximum),
    `output_tokens` one answer, `answers` = prompts · max(n, best_of); `service_tier_ratio` is the
    dearest that it may be served with, `tool_calls` the most that each tool may be called.
    """
    tools = tuple(tool_calls)
    if price.model_price is not None:
        return rate(UnitCounts(tools=tools), price, dearest_group_ratio)
    tools_at_most = tools_cost(tools, price.tool_prices)
    return max(
        to_units(
            product(
                EXACT.add(
                    product(
                        sum_products(
                            (
                                (prompt_tokens, ratios.dearest_input_ratio),
                                (answers * output_tokens, ratios.dearest_output_ratio),
                            )
                        ),
                        ratios.model_ratio,
                        service_tier_ratio,
                    ),
                    tools_at_most,
                ),
                dearest_group_ratio,
            )
        )
        for ratios in within_reach(price, prompt_tokens)
    )


def affordable_output_tokens(
    *,
    available_units: int,
    prompt_tokens: int,
    answers: int,
    price: PriceRatios,
    dearest_group_ratio: Decimal,
    service_tier_ratio: Decimal = ONE,
    tool_calls: Iterable[tuple[str, int]] = (),
) -> int:
    """The largest `max_tokens` whose hold `available_units` covers; 0 where none does."""
    if price.model_price is not None or available_units < 1:
        return 0
    tools = product(tools_cost(tool_calls, price.tool_prices), dearest_group_ratio)
    # A hold is rounded half up: what lies below the next half is still covered, the half is not.
    limit = EXACT.subtract(Decimal(available_units) + _HALF, tools)
    covered = [
        _covered(limit, prompt_tokens, max(1, answers), ratios, factor)
        for ratios in within_reach(price, prompt_tokens)
        for factor in (product(ratios.model_ratio, service_tier_ratio, dearest_group_ratio),)
    ]
    return min((tokens for tokens in covered if tokens is not None), default=0)


def _covered(
    limit: Decimal, prompt_tokens: int, answers: int, ratios: PriceRatios, factor: Decimal
) -> int | None:
    """The largest answer whose hold stays below `limit`; None: any, since answers are free."""
    left = EXACT.subtract(limit, product(prompt_tokens, ratios.dearest_input_ratio, factor))
    per_token = product(ratios.dearest_output_ratio, factor, answers)
    if per_token <= 0:
        return None if left > 0 else 0
    tokens, rest = EXACT.divmod(left, per_token)
    return max(0, int(tokens) - (1 if rest == 0 else 0))
