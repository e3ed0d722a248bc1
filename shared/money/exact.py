"""Decimal arithmetic that loses nothing, and the one rounding at its end. Pure."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from shared.money.quota import MAX_QUOTA_UNITS

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
# Counts have 10 digits (those of tools 19), each ratio at most 18: four factors and a sum of them
# stay exact.
EXACT: Final = Context(prec=140, rounding=ROUND_HALF_UP)


def product(*factors: Decimal | int) -> Decimal:
    """All of them multiplied; 1 where there is none."""
    result = ONE
    for factor in factors:
        result = EXACT.multiply(result, factor)
    return result


def sum_products(terms: Iterable[tuple[int, Decimal]]) -> Decimal:
    """What the counts weigh together."""
    total = ZERO
    for count, ratio in terms:
        if count:
            total = EXACT.add(total, EXACT.multiply(count, ratio))
    return total


def to_units(exact: Decimal) -> int:
    """Whole quota units, half up; at least 1 where there is anything, at most MAX_QUOTA_UNITS."""
    if exact <= 0:
        return 0
    whole = int(exact.to_integral_value(ROUND_HALF_UP, EXACT))
    return min(max(1, whole), MAX_QUOTA_UNITS)
