"""What people set of budgets: rows made, changed and taken away."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.periods import Period
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO budgets (workspace_id, provider_id, project_id, name, description, amount_cents, period,
    timezone, period_start, period_end, first_period_start, is_hard_limit, alert_thresholds,
    is_active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $11, $12, $13)
RETURNING id
"""
_UPDATE: Final = """
UPDATE budgets SET name = $2, description = coalesce($3, description), amount_cents = $4,
    is_hard_limit = $5, alert_thresholds = $6, is_active = $7, updated_at = now()
WHERE id = $1
"""
_DELETE: Final = "UPDATE budgets SET deleted_at = now(), updated_at = now() WHERE id = $1"
# A refund belongs to the project, the provider and the moment of what it is of. Nothing is posted
# before the moment that it counts to, so that `posted_at` narrows it down.
_SPENT: Final = """
SELECT coalesce(-sum(entry.amount_units), 0)::bigint AS units,
    count(*) FILTER (WHERE entry.kind = 'charge') AS requests,
    count(*) FILTER (WHERE entry.kind = 'charge' AND entry.detail ->> 'outcome' <> 'succeeded')
        AS errors
FROM ledger_entries AS entry
LEFT JOIN ledger_entries AS charge ON charge.entry_id = entry.refers_to_entry_id
WHERE entry.workspace_id = $1 AND entry.entry_id > $6 AND entry.entry_id <= $7
    AND entry.posted_at >= $2
    AND (entry.kind = 'charge' OR entry.refers_to_entry_id IS NOT NULL)
    AND coalesce(entry.bucket_at, entry.posted_at) >= $2
    AND coalesce(entry.bucket_at, entry.posted_at) < $3
    AND ($4::bigint IS NULL
        OR (coalesce(charge.detail, entry.detail) ->> 'project_id')::bigint = $4)
    AND ($5::bigint IS NULL
        OR (coalesce(charge.detail, entry.detail) ->> 'provider_id')::bigint = $5)
"""
_COUNT: Final = """
UPDATE budgets SET current_spent_units = $2, request_count = $3, error_count = $4 WHERE id = $1
"""


class Spent(NamedTuple):
    """What the ledger has of a budget's period, in quota units, requests and those that failed."""

    units: int = 0
    requests: int = 0
    errors: int = 0


async def insert_budget(
    connection: Connection, budget: dict[str, Any], *, timezone: str, period: Period
) -> int:
    """A budget, in its first period; answers its id."""
    return int(
        await connection.fetchval(
            _INSERT,
            budget["workspace_id"],
            budget["provider_id"],
            budget["project_id"],
            budget["name"],
            budget["description"],
            budget["amount_cents"],
            budget["period"].value,
            timezone,
            period.start,
            period.end,
            budget["is_hard_limit"],
            list(budget["alert_thresholds"]),
            budget["is_active"],
        )
    )


async def read_spent(
    connection: Connection,
    budget: dict[str, Any],
    period: Period,
    *,
    after_entry_id: int,
    until_entry_id: int,
) -> Spent:
    """What the entries behind the one, up to the other, have of a budget's period."""
    row = await connection.fetchrow(
        _SPENT,
        budget["workspace_id"],
        period.start,
        period.end,
        budget["project_id"],
        budget["provider_id"],
        after_entry_id,
        until_entry_id,
    )
    return Spent() if row is None else Spent(*row)


async def set_spent(connection: Connection, budget_id: int, parts: Iterable[Spent]) -> None:
    """Set what was spent in a locked budget's running period: the sum of the parts."""
    units, requests, errors = (sum(column) for column in zip(*parts, strict=True))
    await connection.execute(_COUNT, budget_id, units, requests, errors)


async def update_budget(connection: Connection, row: BudgetRow, description: str | None) -> None:
    """Write what can be set of a locked budget; a description of None stays."""
    await connection.execute(
        _UPDATE,
        row.id,
        row.name,
        description,
        row.amount_cents,
        row.is_hard_limit,
        list(row.alert_thresholds),
        row.is_active,
    )


async def mark_deleted(connection: Connection, budget_id: int) -> None:
    """The row stays: leases and history are of it."""
    await connection.execute(_DELETE, budget_id)


async def set_next_timezone(connection: Connection, budget_ids: list[int], timezone: str) -> None:
    """Let locked budgets' next periods be in another zone."""
    await connection.execute(
        "UPDATE budgets SET next_timezone = $2 WHERE id = ANY($1::bigint[])", budget_ids, timezone
    )
