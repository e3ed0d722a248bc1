"""What relays are told of budgets on `billing.budgets`."""

from collections.abc import Sequence
from typing import Final

from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.store_budgets import read_budgets
from services.billing.ledger.events import SOURCE
from shared.events.budgets import BudgetChanged
from shared.events.catalog import BILLING_BUDGETS
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.kafka.state_publisher import StateValue, mark_dirty
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_BUDGET: Final = "budget:"


async def announce(connection: Connection, budget_id: int) -> None:
    """Have relays told of a budget that this transaction changes."""
    await mark_dirty(connection, BILLING_BUDGETS.name, [f"{_BUDGET}{budget_id}"])


async def render_budgets(
    connection: Connection, keys: Sequence[str]
) -> dict[str, StateValue | None]:
    """The Render of the state publisher: a budget that was deleted has a tombstone."""
    ids = [int(key.removeprefix(_BUDGET)) for key in keys if key.startswith(_BUDGET)]
    values: dict[str, StateValue | None] = dict.fromkeys(keys)
    for row in await read_budgets(connection, ids):
        values[f"{_BUDGET}{row.id}"] = None if row.is_deleted else _value(row)
    return values


def _value(row: BudgetRow) -> StateValue:
    event = BudgetChanged(
        budget_id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        project_id=row.project_id,
        provider_id=row.provider_id,
        period=row.period,
        amount_units=row.amount_units,
        is_hard_limit=row.is_hard_limit,
        is_active=row.is_active,
    )
    attributes = Attributes(id=new_event_id(), source=SOURCE, time=utc_now())
    return StateValue(encode_value(event), encode_headers(event.TYPE, attributes))
