"""Budgets and their history, read to be shown."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from services.billing.budgets.applying import rolled
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.periods import Period, first_and_last_day
from services.billing.budgets.store_budgets import COLUMNS, read_budget
from shared.money.quota import to_cents
from shared.service.clock import utc_now

_MORE: Final = "description, created_at, updated_at"
_LIST: Final = f"""
SELECT {COLUMNS}, {_MORE} FROM budgets
WHERE deleted_at IS NULL AND ($1::bigint IS NULL OR workspace_id = $1)
    AND ($2::bigint IS NULL OR id = $2)
ORDER BY id
"""
_HISTORY: Final = """
SELECT * FROM budget_history WHERE budget_id = $1 AND period_start < $2
ORDER BY period_start DESC LIMIT $3
"""
_SHOWN_AS_THEY_ARE: Final = (
    "id",
    "workspace_id",
    "provider_id",
    "project_id",
    "name",
    "amount_cents",
    "timezone",
    "request_count",
    "error_count",
    "is_hard_limit",
    "last_alert_threshold",
    "is_active",
    "held_units",
)


class _Shown(NamedTuple):
    row: BudgetRow
    description: str
    created_at: datetime
    updated_at: datetime


async def list_budgets(
    pool: asyncpg.Pool, *, workspace_id: int | None, budget_id: int | None = None
) -> list[dict[str, Any]]:
    """The budgets of a workspace, or this one; of any workspace where that is None."""
    now = utc_now()
    return [_shown(_read(row), now) for row in await pool.fetch(_LIST, workspace_id, budget_id)]


async def list_history(
    pool: asyncpg.Pool, budget_id: int, *, before: datetime, limit: int
) -> list[dict[str, Any]]:
    """What periods came to, the newest first: those that began before a moment."""
    rows = await pool.fetch(_HISTORY, budget_id, before, limit)
    return [
        {
            "id": row["id"],
            "budget_id": row["budget_id"],
            "period": row["period"],
            "timezone": row["timezone"],
            **_period(Period(row["period_start"], row["period_end"]), row["timezone"]),
            "budget_amount_cents": row["budget_amount_cents"],
            "actual_spent_cents": float(to_cents(row["actual_spent_units"])),
            "actual_spent_units": row["actual_spent_units"],
            "request_count": row["request_count"],
            "error_count": row["error_count"],
            "created_at": _unix(row["created_at"]),
            "amended_at": None if row["amended_at"] is None else _unix(row["amended_at"]),
        }
        for row in rows
    ]


def _read(row: Any) -> _Shown:
    fields = dict(row)
    more = [fields.pop(name) for name in ("description", "created_at", "updated_at")]
    return _Shown(read_budget(fields), *more)


def _shown(shown: _Shown, now: datetime) -> dict[str, Any]:
    """In the period that runs, also where the one before it is not closed yet."""
    row = rolled([shown.row], now).changed.get(shown.row.id, shown.row)
    return {
        **{name: getattr(row, name) for name in _SHOWN_AS_THEY_ARE},
        "description": shown.description,
        "period": row.period.value,
        "amount_units": row.amount_units,
        "current_spent_cents": float(to_cents(row.spent_units)),
        "current_spent_units": row.spent_units,
        **_period(Period(row.period_start, row.period_end), row.timezone),
        "alert_thresholds": list(row.alert_thresholds),
        "created_at": _unix(shown.created_at),
        "updated_at": _unix(shown.updated_at),
    }


def _period(period: Period, zone: str) -> dict[str, Any]:
    first, last = first_and_last_day(period, ZoneInfo(zone))
    return {
        "period_start_date": first.isoformat(),
        "period_end_date": last.isoformat(),
        "period_start": _unix(period.start),
        "period_end": _unix(period.end),
    }


def _unix(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
