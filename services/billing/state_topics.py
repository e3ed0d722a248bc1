"""What the state publisher sends: rows of the price book and of budgets, as they are."""

from collections.abc import Mapping, Sequence

from services.billing.budgets.state import render_budgets
from services.billing.prices.price_book import render as render_prices
from shared.events.catalog import BILLING_BUDGETS
from shared.kafka.state_publisher import StateValue
from shared.postgres.retrying import Connection


async def render(
    connection: Connection, topic: str, keys: Sequence[str]
) -> Mapping[str, StateValue | None]:
    """The Render of the state publisher, by topic."""
    if topic == BILLING_BUDGETS.name:
        return await render_budgets(connection, keys)
    return await render_prices(connection, topic, keys)
