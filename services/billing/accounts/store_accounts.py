"""Accounts: made when first met, locked in order of id, and written back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.billing.leases.granting import SubjectFigures
from shared.money.chain import ChainHead
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
SELECT workspace_id, balance_units, held_units, uncharged_units, short_until, charged_units,
    head_entry_id, head_hash
FROM accounts WHERE workspace_id = ANY($1::bigint[])
ORDER BY workspace_id FOR UPDATE
"""
_WRITE: Final = """
UPDATE accounts AS account
SET balance_units = changed.balance, held_units = changed.held,
    uncharged_units = changed.uncharged, short_until = changed.short_until,
    charged_units = changed.charged, head_entry_id = changed.head, head_hash = changed.hash
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
        $6::bigint[], $7::bigint[], $8::bytea[])
    AS changed (id, balance, held, uncharged, short_until, charged, head, hash)
WHERE account.workspace_id = changed.id
"""
_WRITE_HELD: Final = """
UPDATE accounts AS account
SET held_units = changed.held, uncharged_units = changed.uncharged,
    short_until = changed.short_until
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[])
    AS changed (id, held, uncharged, short_until)
WHERE account.workspace_id = changed.id
"""
_HEAD: Final = "SELECT head_entry_id FROM accounts WHERE workspace_id = $1"
_READ: Final = """
SELECT balance_units, held_units, charged_units FROM accounts WHERE workspace_id = $1
"""


class AccountSummary(NamedTuple):
    """An account as its owner sees it, in quota units."""

    balance_units: int = 0
    held_units: int = 0
    charged_units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account under lock."""

    figures: SubjectFigures
    charged_units: int
    """What its charges come to, less what was given back of them."""
    head: ChainHead
    """Its last ledger entry."""


async def lock_accounts(
    connection: Connection, workspace_ids: Iterable[int]
) -> dict[int, AccountRow]:
    """Lock these accounts to the end of the transaction, before any other row."""
    wanted = sorted(set(workspace_ids))
    rows = await connection.fetch(_LOCK, wanted)
    if len(rows) < len(wanted):
        raise RuntimeError("accounts must be added before they are locked")
    return {
        row["workspace_id"]: AccountRow(
            figures=SubjectFigures(
                balance_units=row["balance_units"],
                held_units=row["held_units"],
                uncharged_units=row["uncharged_units"],
                short_until=row["short_until"],
            ),
            charged_units=row["charged_units"],
            head=ChainHead(row["head_entry_id"], row["head_hash"]),
        )
        for row in rows
    }


async def add_missing_accounts(connection: Connection, workspace_ids: Iterable[int]) -> None:
    """Make the accounts that are not there yet, empty. Call it before `lock_accounts`."""
    await connection.execute(_ADD_MISSING, sorted(set(workspace_ids)))


async def write_accounts(connection: Connection, accounts: Mapping[int, AccountRow]) -> None:
    """Write locked accounts back, whole."""
    ids = sorted(accounts)
    rows = [accounts[i] for i in ids]
    await connection.execute(
        _WRITE,
        ids,
        [row.figures.balance_units for row in rows],
        [row.figures.held_units for row in rows],
        [row.figures.uncharged_units for row in rows],
        [row.figures.short_until for row in rows],
        [row.charged_units for row in rows],
        [row.head.entry_id for row in rows],
        [row.head.entry_hash for row in rows],
    )


async def write_held(connection: Connection, accounts: Mapping[int, SubjectFigures]) -> None:
    """Write what the leases of locked accounts hold: that moves no balance."""
    if not accounts:
        return
    ids = sorted(accounts)
    figures = [accounts[i] for i in ids]
    await connection.execute(
        _WRITE_HELD,
        ids,
        [a.held_units for a in figures],
        [a.uncharged_units for a in figures],
        [a.short_until for a in figures],
    )


async def read_account(connection: Connection, workspace_id: int) -> AccountSummary:
    """The account as it is; an empty one where nothing was ever moved."""
    row = await connection.fetchrow(_READ, workspace_id)
    return AccountSummary() if row is None else AccountSummary(*row)


async def read_head(connection: Connection, workspace_id: int) -> int:
    """The account's last entry, without a lock: it and all before it are in the ledger. 0: none."""
    return int(await connection.fetchval(_HEAD, workspace_id) or 0)
