"""Accounts: made when first met, locked in order of id, and written back."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from services.billing.leases.granting import SubjectFigures
from shared.postgres.retrying import Connection

# Before anything is locked: who waits here for another's new account holds nothing yet.
_ADD_MISSING: Final = """
INSERT INTO accounts (workspace_id)
SELECT wanted.id FROM unnest($1::bigint[]) AS wanted (id)
WHERE NOT EXISTS (SELECT FROM accounts WHERE workspace_id = wanted.id)
ORDER BY wanted.id
ON CONFLICT DO NOTHING
"""
# An UPDATE of many rows locks them in the order of the heap; this order is the same for all.
_LOCK: Final = """
SELECT workspace_id, balance_units, held_units, uncharged_units, short_until
FROM accounts WHERE workspace_id = ANY($1::bigint[])
ORDER BY workspace_id FOR UPDATE
"""
_WRITE: Final = """
UPDATE accounts AS account
SET balance_units = changed.balance, held_units = changed.held,
    uncharged_units = changed.uncharged, short_until = changed.short_until,
    charged_units = account.charged_units + changed.charged
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[])
    AS changed (id, balance, held, uncharged, short_until, charged)
WHERE account.workspace_id = changed.id
"""
_READ: Final = """
SELECT balance_units, held_units, charged_units FROM accounts WHERE workspace_id = $1
"""


class AccountSummary(NamedTuple):
    """An account as its owner sees it, in quota units."""

    balance_units: int = 0
    held_units: int = 0
    charged_units: int = 0


async def lock_accounts(
    connection: Connection, workspace_ids: Iterable[int]
) -> dict[int, SubjectFigures]:
    """Lock these accounts to the end of the transaction, before any other row."""
    wanted = sorted(set(workspace_ids))
    rows = await connection.fetch(_LOCK, wanted)
    if len(rows) < len(wanted):
        raise RuntimeError("accounts must be added before they are locked")
    return {
        row["workspace_id"]: SubjectFigures(
            balance_units=row["balance_units"],
            held_units=row["held_units"],
            uncharged_units=row["uncharged_units"],
            short_until=row["short_until"],
        )
        for row in rows
    }


async def add_missing_accounts(connection: Connection, workspace_ids: Iterable[int]) -> None:
    """Make the accounts that are not there yet, empty. Call it before `lock_accounts`."""
    await connection.execute(_ADD_MISSING, sorted(set(workspace_ids)))


async def write_accounts(
    connection: Connection,
    accounts: Mapping[int, SubjectFigures],
    charged: Mapping[int, int] | None = None,
) -> None:
    """Write locked accounts back; `charged` is what to add to the sum of an account's charges."""
    ids = sorted(accounts)
    figures = [accounts[i] for i in ids]
    await connection.execute(
        _WRITE,
        ids,
        [a.balance_units for a in figures],
        [a.held_units for a in figures],
        [a.uncharged_units for a in figures],
        [a.short_until for a in figures],
        [(charged or {}).get(i, 0) for i in ids],
    )


async def read_account(connection: Connection, workspace_id: int) -> AccountSummary:
    """The account as it is; an empty one where nothing was ever moved."""
    row = await connection.fetchrow(_READ, workspace_id)
    return AccountSummary() if row is None else AccountSummary(*row)
