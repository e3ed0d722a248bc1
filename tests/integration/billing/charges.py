"""Requests as a relay would tell of them, and the sums that must agree."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from services.billing.charging.chargeable import Charge, read_charge
from services.billing.charging.posting import post_charges
from shared.events.event import encode_value, new_event_id
from shared.events.requests import LeaseUse, Outcome, RequestCompleted
from shared.events.usage import Usage
from shared.postgres.retrying import in_transaction

COMPLETED_AT = datetime(2026, 5, 4, 3, 20, 1, 5, tzinfo=UTC)


def request(
    *,
    workspace: int = 1,
    quota: int = 10,
    hold: int = 10,
    lease: str | None = None,
    key_lease: str | None = None,
    request_id: str | None = None,
    outcome: Outcome = Outcome.SUCCEEDED,
    key: int = 7,
    completed_at: datetime = COMPLETED_AT,
    project: int | None = None,
    provider: int | None = None,
    budget_leases: Mapping[int, str] | None = None,
) -> RequestCompleted:
    return RequestCompleted(
        request_id=request_id or new_event_id(),
        workspace_id=workspace,
        key_id=key,
        user_id=workspace,
        username=f"user {workspace}",
        dialect="openai",
        method="POST",
        path="/v1/chat/completions",
        group="default",
        requested_model="gpt-4o-mini",
        project_id=project,
        provider_id=provider,
        outcome=outcome,
        http_status=200,
        usage=Usage(prompt_tokens=3, completion_tokens=4),
        quota=quota,
        hold_quota=hold,
        leases=tuple(
            LeaseUse(lease_id=lease_id, subject=subject)
            for lease_id, subject in (
                (lease, f"account:{workspace}"),
                (key_lease, f"key:{key}"),
                *((of, f"budget:{budget}") for budget, of in (budget_leases or {}).items()),
            )
            if lease_id is not None
        ),
        started_at=completed_at,
        completed_at=completed_at,
        latency_ms=1,
    )


def charge(event: RequestCompleted) -> Charge:
    made = read_charge(encode_value(event))
    assert isinstance(made, Charge)
    return made


async def post(pool: asyncpg.Pool, *events: RequestCompleted) -> int:
    """Charge requests as one batch; answers how many were new."""
    read = [read_charge(encode_value(event)) for event in events]
    charges = [one for one in read if isinstance(one, Charge)]
    failed = [one for one in read if not isinstance(one, Charge)]
    posted = await in_transaction(
        pool, lambda connection: post_charges(connection, charges, failed)
    )
    return len(posted)


async def one_row(pool: asyncpg.Pool, query: str) -> tuple[Any, ...]:
    """The first row."""
    row = await pool.fetchrow(query)
    assert row is not None
    return tuple(row)


async def balance(pool: asyncpg.Pool, workspace: int = 1) -> int:
    return int(
        await pool.fetchval("SELECT balance_units FROM accounts WHERE workspace_id = $1", workspace)
    )


async def assert_sums_agree(pool: asyncpg.Pool) -> None:
    """Balances are the sums of the ledger, and what is held is the sum over the leases.

    What was used is what charges came to, less what was given back of them; requests are counted
    by the charges alone. Budgets have spent what is in their periods, and what is left of grants is
    in the balance.
    """
    wrong = await pool.fetch(
        """
        SELECT a.workspace_id FROM accounts a
        WHERE balance_units IS DISTINCT FROM (SELECT coalesce(sum(amount_units), 0)
                FROM ledger_entries e WHERE e.workspace_id = a.workspace_id)
            OR charged_units IS DISTINCT FROM (SELECT coalesce(-sum(amount_units), 0)
                FROM ledger_entries e WHERE e.workspace_id = a.workspace_id
                    AND (kind = 'charge' OR refers_to_entry_id IS NOT NULL))
            OR held_units IS DISTINCT FROM (SELECT coalesce(sum(greatest(0,
                    CASE WHEN is_open THEN granted_total ELSE used_total END - charged_total)), 0)
                FROM leases l WHERE l.subject = 'account:' || a.workspace_id)
            OR uncharged_units IS DISTINCT FROM (SELECT
                    coalesce(sum(greatest(0, used_total - charged_total)), 0)
                FROM leases l WHERE l.subject = 'account:' || a.workspace_id)
        """
    )
    assert wrong == []
    wrong = await pool.fetch(
        """
        SELECT k.key_id FROM token_usage k
        WHERE used_quota IS DISTINCT FROM (SELECT coalesce(-sum(amount_units), 0)
                FROM ledger_entries e WHERE e.key_id = k.key_id
                    AND (kind = 'charge' OR refers_to_entry_id IS NOT NULL))
            OR held_units IS DISTINCT FROM (SELECT coalesce(sum(greatest(0,
                    CASE WHEN is_open THEN granted_total ELSE used_total END - charged_total)), 0)
                FROM leases l WHERE l.subject = 'key:' || k.key_id)
            OR uncharged_units IS DISTINCT FROM (SELECT
                    coalesce(sum(greatest(0, used_total - charged_total)), 0)
                FROM leases l WHERE l.subject = 'key:' || k.key_id)
        """
    )
    assert wrong == []
    wrong = await pool.fetch(
        """
        SELECT b.id FROM budgets b
        WHERE held_units IS DISTINCT FROM (SELECT coalesce(sum(greatest(0,
                    CASE WHEN is_open THEN granted_total ELSE used_total END - charged_total)), 0)
                FROM leases l WHERE l.subject = 'budget:' || b.id)
            OR uncharged_units IS DISTINCT FROM (SELECT
                    coalesce(sum(greatest(0, used_total - charged_total)), 0)
                FROM leases l WHERE l.subject = 'budget:' || b.id)
        """
    )
    assert wrong == []
    wrong = await pool.fetch(
        """
        SELECT p.id, p.period_start FROM (
            SELECT id, period_start, period_end, current_spent_units AS spent FROM budgets
            WHERE deleted_at IS NULL
            UNION ALL
            SELECT budget_id, period_start, period_end, actual_spent_units FROM budget_history
        ) AS p JOIN budgets AS b USING (id)
        WHERE p.spent IS DISTINCT FROM (SELECT coalesce(-sum(e.amount_units), 0)
            FROM ledger_entries e LEFT JOIN ledger_entries c ON c.entry_id = e.refers_to_entry_id
            WHERE e.workspace_id = b.workspace_id
                AND (e.kind = 'charge' OR e.refers_to_entry_id IS NOT NULL)
                AND coalesce(e.bucket_at, e.posted_at) >= p.period_start
                AND coalesce(e.bucket_at, e.posted_at) < p.period_end
                AND (b.project_id IS NULL
                    OR (coalesce(c.detail, e.detail) ->> 'project_id')::bigint = b.project_id)
                AND (b.provider_id IS NULL
                    OR (coalesce(c.detail, e.detail) ->> 'provider_id')::bigint = b.provider_id))
        """
    )
    assert wrong == [], "what budgets have spent"
    wrong = await pool.fetch(
        """
        SELECT workspace_id FROM accounts a
        WHERE greatest(0, balance_units) < (SELECT coalesce(sum(remaining_units), 0)
            FROM grants g WHERE g.workspace_id = a.workspace_id)
        """
    )
    assert wrong == [], "lots are a part of the balance"
    entries = await one_row(
        pool,
        "SELECT count(*) FILTER (WHERE kind = 'charge'), coalesce(-sum(amount_units), 0)::bigint"
        " FROM ledger_entries WHERE kind = 'charge' OR refers_to_entry_id IS NOT NULL",
    )
    for table, count in (("quota_data", "count"), ("token_usage", "request_count")):
        quota = "quota" if table == "quota_data" else "used_quota"
        row = await one_row(
            pool,
            f"SELECT coalesce(sum({count}), 0)::bigint, coalesce(sum({quota}), 0)::bigint"
            f" FROM {table}",
        )
        assert row == entries, table
    wrong = await pool.fetch(
        """
        SELECT charge_entry_id FROM charge_settlements AS s
        JOIN ledger_entries AS c ON c.entry_id = s.charge_entry_id
        WHERE ROW(charged_units, adjusted_units, refunded_units) IS DISTINCT FROM (
            SELECT ROW(-c.amount_units,
                coalesce(-sum(amount_units) FILTER (WHERE kind = 'adjustment'), 0)::bigint,
                coalesce(sum(amount_units) FILTER (WHERE kind = 'refund'), 0)::bigint)
            FROM ledger_entries e WHERE e.refers_to_entry_id = s.charge_entry_id)
        """
    )
    assert wrong == []
    broken = await pool.fetchval(
        """
        SELECT count(*) FROM (
            SELECT balance_after_units,
                sum(amount_units) OVER (PARTITION BY workspace_id ORDER BY entry_id) AS running
            FROM ledger_entries
        ) AS entries WHERE balance_after_units <> running
        """
    )
    assert broken == 0
