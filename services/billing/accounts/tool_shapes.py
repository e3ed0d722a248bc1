"""What third-party tools are told, in the shapes that they know. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from shared.money.quota import QUOTA_PER_UNIT

UNLIMITED_USD: Final = 100_000_000
"""What tools take for "no limit"."""
_CENTS_PER_DOLLAR: Final = 100
_PLACES: Final = Decimal("0.000001")


class Means(NamedTuple):
    """What a key or an account has used, and may use yet, in quota units."""

    used_units: int
    available_units: int | None
    """None: without a limit."""

    @property
    def granted_units(self) -> int:
        """All that it was ever given; what it used, where it has no limit."""
        return self.used_units + (self.available_units or 0)


class KeyTerms(NamedTuple):
    """What control says of a key."""

    name: str
    expires_at: datetime | None
    """None: never."""
    model_limits: Sequence[str] | None
    """None: every model."""

    @property
    def expires_at_s(self) -> int:
        """Unix seconds; 0 for never, as tools know it."""
        return 0 if self.expires_at is None else int(self.expires_at.timestamp())


def subscription(means: Means, *, access_until: int) -> dict[str, Any]:
    """`GET /v1/dashboard/billing/subscription`."""
    is_unlimited = means.available_units is None
    limit = UNLIMITED_USD if is_unlimited else _usd(max(0, means.granted_units))
    return {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": limit,
        "hard_limit_usd": limit,
        "system_hard_limit_usd": limit,
        "access_until": access_until,
    }


def usage(means: Means) -> dict[str, Any]:
    """`GET /v1/dashboard/billing/usage`: hundredths of a dollar."""
    return {"object": "list", "total_usage": _usd(means.used_units * _CENTS_PER_DOLLAR)}


def token_usage(means: Means, terms: KeyTerms) -> dict[str, Any]:
    """`GET /api/usage/token/`."""
    return {
        "code": True,
        "message": "ok",
        "data": {
            "object": "token_usage",
            "name": terms.name,
            "total_granted": means.granted_units,
            "total_used": means.used_units,
            "total_available": means.available_units or 0,
            "unlimited_quota": means.available_units is None,
            "model_limits": dict.fromkeys(terms.model_limits or (), True),
            "model_limits_enabled": terms.model_limits is not None,
            "expires_at": terms.expires_at_s,
        },
    }


def _usd(quota_units: int) -> float:
    """Reckoned in decimals, and a float only in the answer."""
    return float((Decimal(quota_units) / QUOTA_PER_UNIT).quantize(_PLACES))
