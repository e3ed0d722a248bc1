"""What chat and responses may not ask for: what has another price than the price book's."""

from typing import Any, Final

from services.relay.errors import invalid_request

TIER: Final = "service_tier"
# `auto` is what the provider's project is set to, as if nothing were asked for; `flex` costs less.
_TIERS: Final = frozenset({"auto", "default", "flex"})


def refuse_dearer_tier(parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 for a tier that costs more, or that nobody knows."""
    tier = parsed.get(TIER)
    if tier is not None and (not isinstance(tier, str) or tier not in _TIERS):
        raise invalid_request(
            f"This `{TIER}` is not offered here: it has a price of its own. Offered are "
            + ", ".join(f"`{name}`" for name in sorted(_TIERS))
            + ".",
            param=TIER,
        )
