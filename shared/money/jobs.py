"""What a job priced by the second costs, such as a video. Pure."""

from decimal import Decimal
from typing import Final

from shared.money.exact import product, to_units
from shared.money.price_ratios import PriceRatios
from shared.money.quota import QUOTA_PER_UNIT

ANY_SIZE: Final = "any"
_UNITS_PER_MILLISECOND: Final = QUOTA_PER_UNIT // 1000


class NoSuchSizeError(Exception):
    """The price has no figure for this size, and none for all others."""


def second_price(price: PriceRatios, size: str) -> Decimal:
    """Dollars a second; `size` may be empty. Raises NoSuchSizeError."""
    found = price.second_prices.get(size)
    if found is None:
        found = price.second_prices.get(ANY_SIZE)
    if found is None:
        raise NoSuchSizeError(size)
    return found


def rate_job(
    *, milliseconds: int, size: str, count: int, price: PriceRatios, group_ratio: Decimal
) -> int:
    """The charge in quota units of `count` results of so long each. Raises NoSuchSizeError.

    Rounded as `rating.rate` does: half up, once; the least is 1 where anything is priced.
    """
    dollars = second_price(price, size)
    return to_units(product(milliseconds, count, dollars, _UNITS_PER_MILLISECOND, group_ratio))
