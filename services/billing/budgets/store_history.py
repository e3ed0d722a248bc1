"""Rows of `budget_history` and `budget_crossings`. Always under the lock of their budget."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.billing.budgets.applying import Closed, Crossed, Late
from shared.postgres.retrying import Connection

_CLOSE: Final = """
INSERT INTO budget_history (budget_id, period, period_start, period_end, timezone,
    budget_amount_cents, actual_spent_units, request_count, error_count)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
"""
_AMEND: Final = """
WITH amendment AS (
    SELECT past.id, sum(late.units)::bigint AS units, sum(late.requests)::bigint AS requests,
        sum(late.errors)::bigint AS errors
    FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS late (budget_id, at, units, requests, errors)
    JOIN budget_history AS past ON past.budget_id = late.budget_id
        AND late.at >= past.period_start AND late.at < past.period_end
    GROUP BY past.id
)
UPDATE budget_history AS past
SET actual_spent_units = past.actual_spent_units + amendment.units,
    request_count = past.request_count + amendment.requests,
    error_count = past.error_count + amendment.errors, amended_at = now()
FROM amendment WHERE past.id = amendment.id
RETURNING past.*, amendment.units AS late_units
"""
_CROSS: Final = """
INSERT INTO budget_crossings (budget_id, period_start, threshold_percent, spent_units, is_late)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::integer[], $4::bigint[], $5::boolean[])
ON CONFLICT DO NOTHING
RETURNING budget_id, period_start, threshold_percent
"""


async def insert_closed(connection: Connection, closed: Sequence[Closed]) -> None:
    """Keep what periods came to."""
    if not closed:
        return
    rows = [one.budget for one in closed]
    await connection.execute(
        _CLOSE,
        [row.id for row in rows],
        [row.period.value for row in rows],
        [row.period_start for row in rows],
        [row.period_end for row in rows],
        [row.timezone for row in rows],
        [row.amount_cents for row in rows],
        [row.spent_units for row in rows],
        [row.request_count for row in rows],
        [row.error_count for row in rows],
    )


async def amend_history(connection: Connection, late: Sequence[Late]) -> list[asyncpg.Record]:
    """Add to periods that are over; answers their rows, and `late_units` that were added."""
    if not late:
        return []
    return await connection.fetch(
        _AMEND,
        [one.budget_id for one in late],
        [one.at for one in late],
        [one.units for one in late],
        [one.requests for one in late],
        [one.errors for one in late],
    )


async def insert_crossings(connection: Connection, crossed: Sequence[Crossed]) -> list[Crossed]:
    """Note what was reached; answers what was not noted before."""
    if not crossed:
        return []
    rows = await connection.fetch(
        _CROSS,
        [one.budget.id for one in crossed],
        [one.budget.period_start for one in crossed],
        [one.percent for one in crossed],
        [one.budget.spent_units for one in crossed],
        [one.is_late for one in crossed],
    )
    new: set[tuple[int, datetime, int]] = {tuple(row) for row in rows}
    return [one for one in crossed if (one.budget.id, one.budget.period_start, one.percent) in new]
