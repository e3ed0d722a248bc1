"""Rows of `budget_errors`: requests without a ledger entry, so that each is counted once."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

import asyncpg

from services.billing.charging.chargeable import FailedRequest
from shared.postgres.retrying import Connection

_NOTE: Final = """
INSERT INTO budget_errors (event_id, completed_at)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS failed (event_id, completed_at)
WHERE completed_at >= now() - interval '35 days'
ORDER BY event_id
ON CONFLICT DO NOTHING
RETURNING event_id
"""
_PRUNE: Final = """
DELETE FROM budget_errors WHERE event_id IN (
    SELECT event_id FROM budget_errors WHERE completed_at < now() - interval '35 days' LIMIT $1)
"""


async def note_failed(
    connection: Connection, failed: Sequence[FailedRequest]
) -> list[FailedRequest]:
    """Note these requests, under the lock of their budgets; answers those not noted before.

    Those of five weeks ago are none of them: nobody knows any more whether they were.
    """
    if not failed:
        return []
    by_id = {_uuid(request.request_id): request for request in failed}
    rows = await connection.fetch(
        _NOTE, list(by_id), [request.completed_at for request in by_id.values()]
    )
    return [by_id[row["event_id"]] for row in rows]


async def prune_failed(pool: asyncpg.Pool, limit: int) -> None:
    """Forget those of five weeks ago, which are not noted again."""
    await pool.execute(_PRUNE, limit)


def _uuid(request_id: str) -> UUID:
    """Request ids are UUIDs; what a relay of another kind says becomes one."""
    try:
        return UUID(request_id)
    except ValueError:
        return UUID(bytes=sha256(request_id.encode()).digest()[:16])
