"""What the calls of a provider's own tools cost, such as its web search. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from shared.money.exact import ZERO, product, sum_products
from shared.money.quota import QUOTA_PER_UNIT

UNITS_PER_CALL: Final = QUOTA_PER_UNIT // 1000
"""Quota units of one call of a tool whose price is $1 for 1,000."""


def tools_cost(calls: Iterable[tuple[str, int]], prices: Mapping[str, Decimal]) -> Decimal:
    """Exact quota units before the group's ratio. A tool without a price costs nothing."""
    thousands = sum_products((count, prices.get(tool, ZERO)) for tool, count in calls)
    return product(thousands, UNITS_PER_CALL)
