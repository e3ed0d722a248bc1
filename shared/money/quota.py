"""The unit of money: an integer quota, of which 500,000 is one dollar."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

QUOTA_PER_UNIT: Final = 500_000
"""Quota units in one US dollar."""
UNITS_PER_CENT: Final = QUOTA_PER_UNIT // 100
MAX_QUOTA_UNITS: Final = 10**15
"""What one request can cost at the most: two billion dollars, far from a bigint's end."""


def to_cents(quota_units: int) -> Decimal:
    """Dollars' cents, to six places. Derive it from summed quota; never sum cents."""
    return (Decimal(quota_units) / UNITS_PER_CENT).quantize(Decimal("0.000001"), ROUND_HALF_UP)
