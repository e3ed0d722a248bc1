"""What the tables say, each read in the one snapshot of the caller's transaction."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg

from operations.reconcile.horizons import Horizons
from shared.kafka.records import Partition

_PREFETCH: Final = 5_000
_CHARGES: Final = """
SELECT substr(cause, 9) AS request_id, -amount_units AS charged_units, posted_at
FROM billing.ledger_entries
WHERE kind = 'charge' AND starts_with(cause, 'request:')
  AND ($1::timestamptz IS NULL OR posted_at >= $1)
"""
# A refund's row bears the request's id, and the id of an event of its own.
OWN_ROWS: Final = "type IN (2, 4) AND (event_id::text = request_id OR length(request_id) <> 36)"
_LOG_ROWS: Final = f"""
SELECT event_id, request_id, quota, type, created_at FROM logging.logs
WHERE {OWN_ROWS} AND ($1::timestamptz IS NULL OR created_at >= extract(epoch FROM $1))
"""
_KNOWN_ROWS: Final = "SELECT event_id FROM logging.logs WHERE event_id = ANY($1::uuid[])"
_BALANCES: Final = """
SELECT coalesce(a.workspace_id, e.workspace_id) AS workspace_id,
       coalesce(a.balance_units, 0)::bigint AS balance, coalesce(e.amount, 0)::bigint AS entries,
       coalesce(a.charged_units, 0)::bigint AS charged, coalesce(e.charged, 0)::bigint AS charges,
       coalesce(e.allowed_debt, 0)::bigint AS allowed_debt
FROM billing.accounts AS a
FULL JOIN (
    SELECT workspace_id, sum(amount_units) AS amount,
           -- Net of refunds, and of adjustments that are of a charge.
           -sum(amount_units) FILTER (
               WHERE kind = 'charge' OR refers_to_entry_id IS NOT NULL
           ) AS charged,
           -- A release of a key's lease exposes what the key may spend, and no balance.
           sum(excess_units
               + CASE WHEN kind = 'release' AND key_id IS NOT NULL THEN 0 ELSE exposure_units END
               + CASE WHEN kind IN ('top_up', 'adjustment', 'expiry', 'transfer')
                      THEN greatest(0, -amount_units) ELSE 0 END
           ) AS allowed_debt
    FROM billing.ledger_entries GROUP BY workspace_id
) AS e ON e.workspace_id = a.workspace_id
"""
_KEYS: Final = """
SELECT key_id, coalesce(k.used_quota, 0)::bigint AS used, coalesce(e.charged, 0)::bigint AS charged,
       coalesce(k.request_count, 0)::bigint AS count, coalesce(e.count, 0)::bigint AS entries
FROM billing.token_usage AS k
FULL JOIN (
    SELECT key_id, -sum(amount_units) AS charged, count(*) FILTER (WHERE kind = 'charge') AS count
    FROM billing.ledger_entries
    WHERE (kind = 'charge' OR refers_to_entry_id IS NOT NULL) AND key_id IS NOT NULL
    GROUP BY key_id
) AS e USING (key_id)
"""
# Most keys hold nothing and have no lease: they are left out.
_HOLDS: Final = """
SELECT subject, coalesce(s.held_units, 0)::bigint AS held, coalesce(l.held, 0)::bigint AS by_leases,
       coalesce(s.uncharged_units, 0)::bigint AS uncharged,
       coalesce(l.uncharged, 0)::bigint AS uncharged_by_leases
FROM (
    SELECT 'account:' || workspace_id AS subject, held_units, uncharged_units
    FROM billing.accounts
    UNION ALL
    SELECT 'key:' || key_id, held_units, uncharged_units
    FROM billing.token_usage WHERE held_units <> 0 OR uncharged_units <> 0
    UNION ALL
    SELECT 'budget:' || id, held_units, uncharged_units
    FROM billing.budgets WHERE held_units <> 0 OR uncharged_units <> 0
) AS s
FULL JOIN (
    SELECT subject,
           sum(greatest(0, CASE WHEN is_open THEN granted_total ELSE used_total END
                           - charged_total)) AS held,
           sum(greatest(0, used_total - charged_total)) AS uncharged
    FROM billing.leases GROUP BY subject
) AS l USING (subject)
"""
# A user may have had several names within an hour; the ledger does not keep them.
_HOURS: Final = """
SELECT hour, user_id, model,
       coalesce(q.count, 0)::bigint AS count, coalesce(e.count, 0)::bigint AS entries,
       coalesce(q.quota, 0)::bigint AS quota, coalesce(e.quota, 0)::bigint AS charged
FROM (
    SELECT created_at AS hour, user_id, model_name AS model, sum(count) AS count,
           sum(quota) AS quota
    FROM billing.quota_data GROUP BY 1, 2, 3
) AS q
FULL JOIN (
    SELECT hour, user_id, model, count(*) FILTER (WHERE kind = 'charge') AS count,
           -sum(amount_units) AS quota
    FROM (
        SELECT floor(extract(epoch FROM coalesce(bucket_at, posted_at)) / 3600)::bigint * 3600
                   AS hour,
               coalesce(user_id, 0) AS user_id, coalesce(model, '') AS model, kind, amount_units
        FROM billing.ledger_entries
        WHERE (kind = 'charge' AND starts_with(cause, 'request:'))
           OR refers_to_entry_id IS NOT NULL
    ) AS charges GROUP BY 1, 2, 3
) AS e USING (hour, user_id, model)
"""
_TOKENS: Final = """
SELECT created_at AS hour, sum(token_used)::bigint AS tokens
FROM billing.quota_data GROUP BY created_at
"""
_SITE_HORIZON: Final = "SELECT refuse_before FROM logging.log_state"
_WORKSPACE_HORIZONS: Final = """
SELECT workspace_id, refuse_before FROM logging.log_workspace_horizons
"""
_REFUSED: Final = """
SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(quota), 0)::bigint AS units
FROM logging.log_refused
"""
_WATERMARKS: Final = """
SELECT consumer_group, partition, next_offset FROM {schema}.consumer_watermarks WHERE topic = $1
"""
Row: TypeAlias = dict[str, Any]
"""Column to value."""
APPLYING: Final = ("billing", "logging")
"""The schemas of those who apply `relay.requests`; their groups have the same names."""


class Charge(NamedTuple):
    """A request's ledger entry."""

    request_id: str
    charged_units: int
    posted_at: datetime


class LogRow(NamedTuple):
    """A request's log row."""

    event_id: bytes
    request_id: str
    quota: int
    type: int
    created_at: int


class Tables:
    """Queries; they change nothing."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def charges(self, since: datetime | None) -> AsyncIterator[Charge]:
        """The ledger's entries for requests."""
        async for row in self._connection.cursor(_CHARGES, since, prefetch=_PREFETCH):
            yield Charge(row["request_id"], row["charged_units"], row["posted_at"])

    async def log_rows(self, since: datetime | None) -> AsyncIterator[LogRow]:
        """The logs' rows for requests."""
        async for row in self._connection.cursor(_LOG_ROWS, since, prefetch=_PREFETCH):
            yield LogRow(
                row["event_id"].bytes,
                row["request_id"],
                row["quota"],
                row["type"],
                row["created_at"],
            )

    async def balances(self) -> list[Row]:
        """Each account beside the sum of its entries."""
        return [dict(row) for row in await self._connection.fetch(_BALANCES)]

    async def holds(self) -> list[Row]:
        """What each account and each key holds beside the sum over its leases."""
        return [dict(row) for row in await self._connection.fetch(_HOLDS)]

    async def keys(self) -> list[Row]:
        """What each key has used beside the sum of its charges."""
        return [dict(row) for row in await self._connection.fetch(_KEYS)]

    async def hours(self) -> list[Row]:
        """Each row of `quota_data`, by user, model and hour, beside the ledger's sums."""
        return [dict(row) for row in await self._connection.fetch(_HOURS)]

    async def tokens_by_hour(self) -> dict[int, int]:
        """The tokens of `quota_data`."""
        return {row["hour"]: row["tokens"] for row in await self._connection.fetch(_TOKENS)}

    async def log_horizons(self) -> Horizons:
        """Up to when log rows were deleted, and what was refused since."""
        site = await self._connection.fetchval(_SITE_HORIZON)
        workspaces = await self._connection.fetch(_WORKSPACE_HORIZONS)
        (refused,) = await self._connection.fetch(_REFUSED)
        return Horizons(
            site=site,
            workspaces={row["workspace_id"]: row["refuse_before"] for row in workspaces},
            refused_events=refused["events"],
            refused_units=refused["units"],
        )

    async def have_rows(self, event_ids: list[str]) -> set[bytes]:
        """Those of the events that have a log row."""
        rows = await self._connection.fetch(_KNOWN_ROWS, event_ids)
        return {row["event_id"].bytes for row in rows}


async def watermarks(
    connection: asyncpg.Connection, topic: str
) -> dict[tuple[str, Partition], int]:
    """The next offset of each group that applies the topic, by partition."""
    found = {}
    for schema in APPLYING:
        for row in await connection.fetch(_WATERMARKS.format(schema=schema), topic):
            key = (row["consumer_group"], Partition(topic, row["partition"]))
            found[key] = row["next_offset"]
    return found
