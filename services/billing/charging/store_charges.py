"""The rows that a batch of charges writes, each kind in one statement."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.billing.charging.chargeable import Charge
from services.billing.charging.entries import ChainedCharge
from services.billing.charging.sums import HourOfUser, HourUse, cause_of
from services.billing.ledger.store_entries import copy_entries
from shared.events.ledger import EntryKind
from shared.postgres.retrying import Connection

_KNOWN: Final = "SELECT cause FROM ledger_entries WHERE cause = ANY($1::text[])"
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
    "rating_key",
    "detail",
    "detail_hash",
    "prev_hash",
    "entry_hash",
)
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


async def known_causes(connection: Connection, charges: Sequence[Charge]) -> frozenset[str]:
    """Those of the charges' causes that are in the ledger."""
    rows = await connection.fetch(_KNOWN, [cause_of(charge) for charge in charges])
    return frozenset(row["cause"] for row in rows)


async def insert_charges(connection: Connection, entries: Sequence[ChainedCharge]) -> None:
    """Put charges into the ledger. Raises ConcurrentEntryError, see `copy_entries`."""
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
            rating_key or None,
            charge.detail.decode(),
            hashed,
            prev,
            own,
        )
        for charge, entry_id, balance_after, _, rating_key, hashed, prev, own in entries
    ]
    await copy_entries(connection, rows, _COLUMNS)


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
