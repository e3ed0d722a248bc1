"""The rows that a batch of charges writes, each kind in one statement."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from services.billing.charging.chargeable import Charge
from services.billing.charging.sums import HourOfUser, HourUse, cause_of
from shared.events.ledger import EntryKind
from shared.postgres.retrying import Connection

_KNOWN: Final = "SELECT cause FROM ledger_entries WHERE cause = ANY($1::text[])"
_TAKE_IDS: Final = """
SELECT nextval('ledger_entries_entry_id_seq') FROM generate_series(1, $1::int)
"""
_COLUMNS: Final = (
    "entry_id",
    "workspace_id",
    "kind",
    "cause",
    "amount_units",
    "balance_after_units",
    "excess_units",
    "key_id",
    "user_id",
    "model",
    "posted_at",
)
_UNIQUE_CAUSE: Final = "ledger_entries_cause_key"
_CHARGE: Final = EntryKind.CHARGE.value
_COUNT_HOURS: Final = """
INSERT INTO quota_data AS data
    (created_at, user_id, model_name, username, token_used, count, quota)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[],
    $6::bigint[], $7::bigint[])
    AS used (created_at, user_id, model_name, username, token_used, count, quota)
ORDER BY created_at, user_id, model_name COLLATE "C", username COLLATE "C"
ON CONFLICT (created_at, user_id, model_name, username) DO UPDATE
SET token_used = data.token_used + EXCLUDED.token_used,
    count = data.count + EXCLUDED.count, quota = data.quota + EXCLUDED.quota
"""


class ConcurrentChargeError(Exception):
    """Another transaction has put one of these charges into the ledger: try the batch again."""

    sqlstate = "40001"
    """What the database calls the same thing, so that the consumer tries again."""


async def known_causes(connection: Connection, charges: Sequence[Charge]) -> frozenset[str]:
    """Those of the charges' causes that are in the ledger."""
    rows = await connection.fetch(_KNOWN, [cause_of(charge) for charge in charges])
    return frozenset(row["cause"] for row in rows)


async def take_entry_ids(connection: Connection, count: int) -> list[int]:
    """Ids for new entries, in order. Under the accounts' lock, so that each account's ids rise."""
    return [row[0] for row in await connection.fetch(_TAKE_IDS, count)]


async def insert_charges(
    connection: Connection,
    charges: Sequence[Charge],
    entry_ids: Sequence[int],
    balances_after: Sequence[int],
) -> None:
    """Put charges into the ledger.

    The unique cause has the last word: raises ConcurrentChargeError where one was there after all.
    """
    rows = [
        (
            entry_id,
            charge.workspace_id,
            _CHARGE,
            cause_of(charge),
            -charge.quota_units,
            balance_after,
            charge.excess_units,
            charge.key_id,
            charge.user_id,
            charge.model,
            charge.completed_at,
        )
        for charge, entry_id, balance_after in zip(charges, entry_ids, balances_after, strict=True)
    ]
    try:
        # Takes the database and the client library half of what an INSERT of arrays does.
        await connection.copy_records_to_table("ledger_entries", records=rows, columns=_COLUMNS)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != _UNIQUE_CAUSE:
            raise
        raise ConcurrentChargeError from None


async def count_hours(connection: Connection, uses: Mapping[HourOfUser, HourUse]) -> None:
    """Add to `quota_data`, in order of its unique key. A user's rows may be in several batches."""
    items = list(uses.items())
    await connection.execute(
        _COUNT_HOURS,
        [row.hour for row, _ in items],
        [row.user_id for row, _ in items],
        [row.model for row, _ in items],
        [row.username for row, _ in items],
        [use.tokens for _, use in items],
        [use.requests for _, use in items],
        [use.quota_units for _, use in items],
    )
