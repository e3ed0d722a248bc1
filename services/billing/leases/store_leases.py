"""Rows of `leases`. Always under the lock of their subject, which is taken first."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import asyncpg

from services.billing.leases.granting import Lease, LeaseRow
from services.billing.leases.subjects import parse_subject
from shared.postgres.retrying import Connection


class CloseReason(StrEnum):
    """Why a lease ended."""

    RELAY = "relay"
    OPERATOR = "operator"
    ABANDONED = "abandoned"
    """Without a heartbeat for a day."""


_COLUMNS: Final = """lease_id, relay_id, subject, workspace_id, seq, granted_total,
used_total, charged_total, is_open, is_short, is_scarce"""
_LOCK: Final = f"""
SELECT {_COLUMNS} FROM leases WHERE lease_id = ANY($1::text[]) ORDER BY lease_id FOR UPDATE
"""
_PUT: Final = f"""
INSERT INTO leases ({_COLUMNS}, closed_at, close_reason)
SELECT wanted.*, CASE WHEN wanted.is_open THEN NULL ELSE now() END,
    CASE WHEN wanted.is_open THEN NULL ELSE $12 END
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::boolean[], $10::boolean[], $11::boolean[])
    AS wanted ({_COLUMNS})
ORDER BY wanted.lease_id
ON CONFLICT (lease_id) DO UPDATE
SET relay_id = EXCLUDED.relay_id, seq = EXCLUDED.seq, granted_total = EXCLUDED.granted_total,
    used_total = EXCLUDED.used_total, charged_total = EXCLUDED.charged_total,
    is_open = EXCLUDED.is_open, is_short = EXCLUDED.is_short, is_scarce = EXCLUDED.is_scarce,
    heartbeat_at = CASE WHEN $13 THEN now() ELSE leases.heartbeat_at END,
    closed_at = coalesce(leases.closed_at, EXCLUDED.closed_at),
    close_reason = coalesce(leases.close_reason, EXCLUDED.close_reason)
"""


async def lock_leases(connection: Connection, lease_ids: Iterable[str]) -> dict[str, LeaseRow]:
    """Lock those of these leases that exist, in order of id."""
    rows = await connection.fetch(_LOCK, sorted(set(lease_ids)))
    return {row["lease_id"]: _read(row) for row in rows}


def _read(row: asyncpg.Record) -> LeaseRow:
    subject = parse_subject(row["subject"])
    if subject is None:
        raise RuntimeError("a lease is of an account, a key or a budget")
    return LeaseRow(
        lease_id=row["lease_id"],
        relay_id=row["relay_id"],
        subject=subject,
        workspace_id=row["workspace_id"],
        lease=Lease(
            seq=row["seq"],
            granted_total=row["granted_total"],
            used_total=row["used_total"],
            charged_total=row["charged_total"],
            is_open=row["is_open"],
            is_short=row["is_short"],
            is_scarce=row["is_scarce"],
        ),
    )


async def put_leases(
    connection: Connection,
    leases: Mapping[str, LeaseRow],
    *,
    is_heartbeat: bool,
    close_reason: CloseReason = CloseReason.RELAY,
) -> None:
    """Write leases, new ones too; `close_reason` is for those that are closed by this."""
    if not leases:
        return
    rows: Sequence[LeaseRow] = [leases[lease_id] for lease_id in sorted(leases)]
    await connection.execute(
        _PUT,
        [row.lease_id for row in rows],
        [row.relay_id for row in rows],
        [str(row.subject) for row in rows],
        [row.workspace_id for row in rows],
        [row.lease.seq for row in rows],
        [row.lease.granted_total for row in rows],
        [row.lease.used_total for row in rows],
        [row.lease.charged_total for row in rows],
        [row.lease.is_open for row in rows],
        [row.lease.is_short for row in rows],
        [row.lease.is_scarce for row in rows],
        close_reason.value,
        is_heartbeat,
    )
