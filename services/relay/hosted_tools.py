"""What tools that the provider runs may bring in, and whether a price covers them. Pure.

What a tool finds is input of the same request, and the model is asked again with it: no bytes of
the request bound that, but the model's context does.
"""

from services.relay.books.prices import PriceInForce
from services.relay.dialects.tools_asked import HostedTools
from services.relay.errors import RelayError, invalid_request


def input_bound(hosted: HostedTools, price: PriceInForce) -> int:
    """The most input tokens of all rounds together.

    Raises RelayError 400 where a call, or what it may bring in, has no price or no bound.
    """
    for tool, _ in hosted.calls:
        if tool not in price.ratios.tool_prices:
            raise _refused(tool, "no price of its calls is set")
    if price.max_input_tokens is not None:
        return hosted.inputs * price.max_input_tokens
    if price.ratios.model_price is None:
        raise _refused(hosted.calls[0][0], "no `max_input_tokens` is set that bounds what it finds")
    return 0  # a call has one price, whatever comes in


def _refused(tool: str, why: str) -> RelayError:
    return invalid_request(
        f"The tool `{tool}` runs at the provider and is not offered with this model: {why}.",
        param="tools",
    )
