"""Budgets: what each period has spent is what the ledger's entries of it sum up to (I10).

The rule is written out again here, on purpose: an entry counts to the period that the moment of
its request lies in, of each budget of its workspace that its project and provider belong to. What
is given back of a charge counts to the charge's moment. So what came late, and amended a period,
needs no rule of its own.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from operations.reconcile.gaps import Check, Gap, check

# One pass over the entries of workspaces with budgets, however many periods those have had. What
# lies behind the running period's end was dated ahead by a relay's clock, and counts to it.
_PERIODS: Final = """
WITH periods AS (
    SELECT id AS budget_id, period_start, period_end, current_spent_units AS spent
    FROM billing.budgets WHERE deleted_at IS NULL
    UNION ALL
    SELECT budget_id, past.period_start, past.period_end, actual_spent_units
    FROM billing.budget_history AS past JOIN billing.budgets AS own ON own.id = budget_id
    WHERE deleted_at IS NULL
), cuts AS (
    SELECT budget_id, array_agg(period_start ORDER BY period_start) AS starts
    FROM periods GROUP BY budget_id
), counted AS (
    SELECT own.id AS budget_id, own.workspace_id, own.project_id, own.provider_id,
           own.first_period_start, starts
    FROM cuts JOIN billing.budgets AS own ON own.id = budget_id
), spent AS (
    SELECT budget_id,
           starts[width_bucket(coalesce(bucket_at, posted_at), starts)] AS period_start,
           -sum(amount_units) AS units
    FROM counted JOIN billing.ledger_entries AS entry USING (workspace_id)
    WHERE (kind = 'charge' OR refers_to_entry_id IS NOT NULL)
      AND posted_at >= starts[1] AND coalesce(bucket_at, posted_at) >= starts[1]
      AND (project_id IS NULL OR detail ->> 'project_id' = project_id::text)
      AND (provider_id IS NULL OR detail ->> 'provider_id' = provider_id::text)
    GROUP BY 1, 2
)
SELECT budget_id, workspace_id, period_start, period_end, spent,
       coalesce(units, 0)::bigint AS by_entries,
       coalesce(lag(period_end) OVER (PARTITION BY budget_id ORDER BY period_start),
                first_period_start) AS ended_before
FROM periods JOIN counted USING (budget_id) LEFT JOIN spent USING (budget_id, period_start)
ORDER BY budget_id, period_start
"""


async def budgets_check(connection: asyncpg.Connection) -> Check:
    """The periods that do not fit, in the caller's snapshot. Budgets taken away are left out."""
    rows = await connection.fetch(_PERIODS)
    return check("I10 budgets = ledger entries of their periods", len(rows), _gaps(rows))


def _gaps(rows: Iterable[Any]) -> Iterator[Gap]:
    for row in rows:
        period = f"budget {row['budget_id']}, period from {_text(row['period_start'])}"
        if row["spent"] != row["by_entries"]:
            yield Gap(period, f"has spent {row['spent']}, its entries sum to {row['by_entries']}")
        if row["ended_before"] != row["period_start"]:
            yield Gap(period, f"what was before it ended at {_text(row['ended_before'])}")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
