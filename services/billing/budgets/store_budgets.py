"""Rows of `budgets` under lock: after the accounts and the keys, before any lease."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from services.billing.budgets.budget import BudgetRow
from services.billing.leases.granting import SubjectFigures
from shared.events.budgets import BudgetPeriod
from shared.postgres.retrying import Connection

COLUMNS: Final = """id, workspace_id, provider_id, project_id, name, amount_cents, period,
timezone, next_timezone, current_spent_units AS spent_units, request_count, error_count,
period_start, period_end, first_period_start, is_hard_limit, alert_thresholds,
last_alert_threshold, is_active, deleted_at IS NOT NULL AS is_deleted, held_units,
uncharged_units, short_until"""
# Those that count, and those that a lease is of, deleted ones too: what they hold is given back.
_LOCK: Final = f"""
SELECT {COLUMNS} FROM budgets
WHERE (workspace_id = ANY($1::bigint[]) AND deleted_at IS NULL) OR id = ANY($2::bigint[])
ORDER BY id FOR UPDATE
"""
# Whoever holds a budget that is due closes its period: it is not waited for. Due by the clock that
# closes it, and not by the database's: what one of them alone calls due would be found for ever.
_LOCK_DUE: Final = f"""
SELECT {COLUMNS} FROM budgets
WHERE deleted_at IS NULL AND period_end <= $2
ORDER BY period_end LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_READ: Final = f"SELECT {COLUMNS} FROM budgets WHERE id = ANY($1::bigint[])"
_WRITE: Final = """
UPDATE budgets AS budget
SET current_spent_units = changed.spent, request_count = changed.requests,
    error_count = changed.errors, period = changed.period,
    period_start = changed.start, period_end = changed.until,
    timezone = changed.zone, next_timezone = changed.next_zone,
    last_alert_threshold = changed.threshold
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::text[], $9::integer[],
    $10::text[])
    AS changed (id, spent, requests, errors, start, until, zone, next_zone, threshold, period)
WHERE budget.id = changed.id
"""
_WRITE_HELD: Final = """
UPDATE budgets AS budget
SET held_units = changed.held, uncharged_units = changed.uncharged,
    short_until = changed.short_until
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[])
    AS changed (id, held, uncharged, short_until)
WHERE budget.id = changed.id
"""


async def lock_budgets(
    connection: Connection, *, workspace_ids: Iterable[int] = (), ids: Iterable[int] = ()
) -> dict[int, BudgetRow]:
    """Lock the budgets of these workspaces, and these ones, in order of id."""
    rows = await connection.fetch(_LOCK, sorted(set(workspace_ids)), sorted(set(ids)))
    return {row["id"]: read_budget(row) for row in rows}


async def lock_due_budgets(connection: Connection, limit: int, now: datetime) -> list[BudgetRow]:
    """Lock budgets whose period is over, but those that somebody else has."""
    return [read_budget(row) for row in await connection.fetch(_LOCK_DUE, limit, now)]


async def read_budgets(connection: Connection, ids: Iterable[int]) -> list[BudgetRow]:
    """Budgets as they are, without a lock; deleted ones too."""
    return [read_budget(row) for row in await connection.fetch(_READ, list(ids))]


async def write_budgets(connection: Connection, budgets: Mapping[int, BudgetRow]) -> None:
    """Write locked budgets' running periods, and what was spent in them."""
    if not budgets:
        return
    rows = [budgets[i] for i in sorted(budgets)]
    await connection.execute(
        _WRITE,
        [row.id for row in rows],
        [row.spent_units for row in rows],
        [row.request_count for row in rows],
        [row.error_count for row in rows],
        [row.period_start for row in rows],
        [row.period_end for row in rows],
        [row.timezone for row in rows],
        [row.next_timezone for row in rows],
        [row.last_alert_threshold for row in rows],
        [row.period.value for row in rows],
    )


async def write_budgets_held(connection: Connection, budgets: Mapping[int, SubjectFigures]) -> None:
    """Write what the leases of locked budgets hold."""
    if not budgets:
        return
    ids = sorted(budgets)
    figures = [budgets[i] for i in ids]
    await connection.execute(
        _WRITE_HELD,
        ids,
        [one.held_units for one in figures],
        [one.uncharged_units for one in figures],
        [one.short_until for one in figures],
    )


def read_budget(row: Any) -> BudgetRow:
    """A record of the columns above."""
    fields = dict(row)
    fields["period"] = BudgetPeriod(fields["period"])
    fields["alert_thresholds"] = tuple(fields["alert_thresholds"])
    return BudgetRow(**fields)
