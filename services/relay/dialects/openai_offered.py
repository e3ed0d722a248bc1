"""The tier of service that chat and responses ask for. Whether it is offered, the price decides."""

from typing import Any, Final

from services.relay.errors import invalid_request

TIER: Final = "service_tier"
# What the provider's project is set to, as if nothing were asked for.
_AUTO: Final = "auto"


def asked_tier(parsed: dict[str, Any]) -> str:
    """The tier; empty where the provider chooses. Raises RelayError 400."""
    tier = parsed.get(TIER)
    if tier is None or tier == _AUTO:
        return ""
    if not isinstance(tier, str) or not tier:
        raise invalid_request(f"`{TIER}` has the wrong type.", param=TIER)
    return tier
