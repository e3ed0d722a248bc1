"""Which tiers of service a price offers, and the dearest that a request may be served in. Pure.

A request that names none, or `auto`, is served as the provider's own account is set: in any of
those that have a price. What a request names and has no price is refused, but for what costs no
more than the ordinary.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from services.relay.errors import RelayError, invalid_request
from shared.money.price_ratios import PriceRatios

ANY: Final = ""
"""Of a request that leaves the tier to the provider."""
_ONE: Final = Decimal(1)
_NEVER_DEARER: Final = ("default", "flex", "standard_only")


def dearest_ratios(price: PriceRatios) -> Mapping[str, Decimal]:
    """By what may be asked for: the most that the tokens' cost may be multiplied by for it.

    Never below 1: a provider that is short of a tier may serve in the ordinary one.
    """
    tiers = price.service_tiers if price.model_price is None else {}
    asked = {
        tier: max(_ONE, tiers.get(tier, _ONE)) for tier in (*_NEVER_DEARER, *price.service_tiers)
    }
    return {ANY: max((_ONE, *tiers.values())), **asked}


def not_offered(price: PriceRatios) -> RelayError:
    """400: the tier that was asked for has no price here."""
    offered = ", ".join(f"`{tier}`" for tier in sorted({"auto", *price.service_tiers}))
    return invalid_request(
        "This `service_tier` has a price of its own, and none is set for this model. Leave it out,"
        f" or use {offered}.",
        param="service_tier",
    )
