"""Sums that must agree, held against one another in one snapshot, without a lock."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from shared.postgres.retrying import Connection

ACCOUNTS_A_TURN: Final = 20_000
_CHAINED_ENTRIES: Final = 50_000
MAX_ENTRIES: Final = 2_000_000
"""An hour with more entries than this takes too long: `reconcile` compares it."""

_TIMEOUTS: Final = "SET LOCAL statement_timeout = '10s'"
# Nothing of the account's is changed without an entry: so the last one says what it has.
_BALANCES: Final = """
SELECT count(*) AS looked_at, coalesce(max(id), 0) AS last_id,
       count(*) FILTER (WHERE differs) AS rows,
       coalesce(sum(abs(balance_units - coalesce(balance_after_units, 0)))
                FILTER (WHERE differs), 0)::float8 AS units
FROM (
    SELECT a.workspace_id AS id, a.balance_units, e.balance_after_units,
           a.balance_units <> coalesce(e.balance_after_units, 0)
               OR a.head_hash IS DISTINCT FROM e.entry_hash AS differs
    FROM accounts AS a LEFT JOIN ledger_entries AS e
        ON e.entry_id = a.head_entry_id AND e.workspace_id = a.workspace_id
    WHERE a.workspace_id > $1 ORDER BY a.workspace_id LIMIT $2
) AS compared
"""
# Of the newest entries, each against its account's one before.
_CHAIN: Final = """
SELECT count(*) AS looked_at, count(*) FILTER (WHERE differs) AS rows,
       coalesce(sum(abs(balance_after_units - amount_units - before)) FILTER (WHERE differs), 0)
           ::float8 AS units
FROM (
    SELECT amount_units, balance_after_units, before,
           before <> balance_after_units - amount_units
               OR hash_before IS DISTINCT FROM prev_hash AS differs
    FROM (
        SELECT amount_units, balance_after_units, prev_hash,
               lag(balance_after_units) OVER account AS before,
               lag(entry_hash) OVER account AS hash_before
        FROM ledger_entries
        WHERE entry_id > (SELECT coalesce(max(entry_id), 0) FROM ledger_entries) - $1
        WINDOW account AS (PARTITION BY workspace_id ORDER BY entry_id)
    ) AS newest
    -- Not those from before the chain, nor the first one after them: it follows no entry's hash.
    WHERE before IS NOT NULL AND hash_before IS NOT NULL
) AS compared
"""
# Whatever is charged is counted to an account, to a key and to an hour.
_CHARGED: Final = """
SELECT (SELECT count(*) FROM accounts) AS looked_at,
       count(*) FILTER (WHERE other <> charged) AS rows,
       coalesce(sum(abs(other - charged)), 0)::float8 AS units
FROM (SELECT coalesce(sum(charged_units), 0) AS charged FROM accounts) AS all_accounts,
     LATERAL (
         VALUES ((SELECT coalesce(sum(used_quota), 0) FROM token_usage)),
                ((SELECT coalesce(sum(quota), 0) FROM quota_data))
     ) AS others (other)
"""
_HOURS: Final = """
WITH data AS (
    SELECT created_at AS hour, user_id, model_name AS model, sum(count) AS count,
           sum(quota) AS units
    FROM quota_data
    WHERE created_at >= extract(epoch FROM date_trunc('hour', now() - interval '1 hour', 'UTC'))
    GROUP BY 1, 2, 3
), entries AS (
    SELECT extract(epoch FROM date_bin('1 hour', coalesce(bucket_at, posted_at), 'epoch'))::bigint
               AS hour,
           coalesce(user_id, 0) AS user_id, coalesce(model, '') AS model,
           count(*) FILTER (WHERE kind = 'charge') AS count, -sum(amount_units) AS units
    FROM ledger_entries
    WHERE (SELECT coalesce(sum(count), 0) FROM data) <= $1
      AND (kind = 'charge' OR refers_to_entry_id IS NOT NULL)
      AND posted_at >= date_trunc('hour', now() - interval '1 hour', 'UTC')
      AND coalesce(bucket_at, posted_at) >= date_trunc('hour', now() - interval '1 hour', 'UTC')
    GROUP BY 1, 2, 3
)
SELECT count(*) AS looked_at,
       count(*) FILTER (WHERE (d.count, d.units) IS DISTINCT FROM (e.count, e.units)) AS rows,
       coalesce(sum(abs(coalesce(d.units, 0) - coalesce(e.units, 0))), 0)::float8 AS units
FROM data AS d FULL JOIN entries AS e USING (hour, user_id, model)
WHERE (SELECT coalesce(sum(count), 0) FROM data) <= $1
"""
_HOLDS: Final = """
SELECT count(*) AS looked_at,
       count(*) FILTER (WHERE (coalesce(s.held, 0), coalesce(s.uncharged, 0))
                           <> (coalesce(l.held, 0), coalesce(l.uncharged, 0))) AS rows,
       coalesce(sum(greatest(abs(coalesce(s.held, 0) - coalesce(l.held, 0)),
                             abs(coalesce(s.uncharged, 0) - coalesce(l.uncharged, 0)))), 0)
           ::float8 AS units
FROM (
    SELECT 'account:' || workspace_id AS subject, held_units AS held, uncharged_units AS uncharged
    FROM accounts WHERE held_units <> 0 OR uncharged_units <> 0
    UNION ALL
    SELECT 'key:' || key_id, held_units, uncharged_units
    FROM token_usage WHERE held_units <> 0 OR uncharged_units <> 0
    UNION ALL
    SELECT 'budget:' || id, held_units, uncharged_units
    FROM budgets WHERE held_units <> 0 OR uncharged_units <> 0
) AS s
FULL JOIN (
    SELECT subject,
           sum(greatest(0, CASE WHEN is_open THEN granted_total ELSE used_total END
                           - charged_total)) AS held,
           sum(greatest(0, used_total - charged_total)) AS uncharged
    FROM leases WHERE is_open OR used_total > charged_total GROUP BY subject
) AS l USING (subject)
"""
_WHOLE: Final[Sequence[tuple[str, str, tuple[int, ...]]]] = (
    ("chain", _CHAIN, (_CHAINED_ENTRIES,)),
    ("charged", _CHARGED, ()),
    ("hours", _HOURS, (MAX_ENTRIES,)),
    ("holds", _HOLDS, ()),
)
CHECKS: Final = ("balances", *(name for name, _, _ in _WHOLE))


class Drift(NamedTuple):
    """How much was compared, and how much of it does not agree."""

    looked_at: int
    rows: int
    units: float
    """Quota units between the two sides, whichever has more."""


class Turn(NamedTuple):
    """What one turn found, and where its next one goes on."""

    drifts: dict[str, Drift]
    after_workspace_id: int
    """0: all accounts were seen."""


async def look(connection: Connection, *, after_workspace_id: int) -> Turn:
    """Compare everything, and so many accounts in order of id. In the caller's snapshot."""
    await connection.execute(_TIMEOUTS)
    (row,) = await connection.fetch(_BALANCES, after_workspace_id, ACCOUNTS_A_TURN)
    drifts = {"balances": Drift(row["looked_at"], row["rows"], row["units"])}
    for name, query, arguments in _WHOLE:
        (found,) = await connection.fetch(query, *arguments)
        drifts[name] = Drift(found["looked_at"], found["rows"], found["units"])
    is_last = row["looked_at"] < ACCOUNTS_A_TURN
    return Turn(drifts, 0 if is_last else row["last_id"])
