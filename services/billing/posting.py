"""Charging a batch: one transaction, in which only what is new counts.

The order of the steps matters:
  1. make missing accounts            before any lock: who waits here holds nothing
  2. lock the accounts, by id         from here on no other charge or lease of theirs moves
  3. see what the ledger has          after the lock, so that nothing can come in between
  4. insert the entries               the unique cause has the last word; meanwhile their events
                                      are built
  5. keys, leases, hours, by id       the one order in which everybody locks
  6. the events, in the outbox
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from services.billing import charging
from services.billing.chargeable import Charge
from services.billing.granting import AccountFigures, Lease, LeaseRow, charged
from services.billing.ledger_events import charge_records
from services.billing.store_accounts import add_missing_accounts, lock_accounts, write_accounts
from services.billing.store_charges import (
    count_hours,
    count_keys,
    insert_charges,
    known_causes,
    take_entry_ids,
)
from services.billing.store_leases import lock_leases, put_leases
from shared.events.catalog import BILLING_LEDGER
from shared.kafka.outbox import enqueue
from shared.kafka.outbox_rows import OutboxRecord
from shared.postgres.retrying import Connection

_PIECE: Final = 100
"""Events that are built without letting others on the loop: half a millisecond."""


async def post_charges(connection: Connection, charges: Sequence[Charge]) -> list[Charge]:
    """Charge what is not charged yet, and answer that. Repeatable; the caller commits."""
    if not charges:
        return []
    workspaces = {charge.workspace_id for charge in charges}
    await add_missing_accounts(connection, workspaces)
    accounts = (await lock_accounts(connection, workspaces)).accounts
    new = charging.distinct(charges, await known_causes(connection, charges))
    if not new:
        return []
    balances = {i: account.balance_units for i, account in accounts.items()}
    after = charging.balances_after(new, balances)
    entry_ids = await take_entry_ids(connection, len(new))
    records = await _insert(connection, new, entry_ids, after)

    await count_keys(connection, charging.by_key(new))
    moved = await _charge_leases(connection, _debited(accounts, new), new)
    await write_accounts(connection, moved, charging.by_account(new))
    await count_hours(connection, charging.by_hour(new))
    await enqueue(connection, BILLING_LEDGER.name, records)
    return new


async def _insert(
    connection: Connection,
    charges: Sequence[Charge],
    entry_ids: Sequence[int],
    balances_after: Sequence[int],
) -> list[OutboxRecord]:
    """Write the entries, and build their events while the database does."""
    writing = asyncio.create_task(insert_charges(connection, charges, entry_ids, balances_after))
    now = datetime.now(UTC)
    records: list[OutboxRecord] = []
    try:
        for start in range(0, len(charges), _PIECE):
            await asyncio.sleep(0)
            piece = slice(start, start + _PIECE)
            records += charge_records(
                charges[piece], entry_ids[piece], balances_after[piece], now=now
            )
        await writing
    finally:
        # Only after an error: nobody may use the connection before its statement has ended.
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    return records


def _debited(
    accounts: Mapping[int, AccountFigures], charges: Sequence[Charge]
) -> dict[int, AccountFigures]:
    return {
        i: replace(accounts[i], balance_units=accounts[i].balance_units - units)
        for i, units in charging.by_account(charges).items()
    }


async def _charge_leases(
    connection: Connection, accounts: dict[int, AccountFigures], charges: Sequence[Charge]
) -> dict[int, AccountFigures]:
    """Count the charges against their leases. A lease that is unknown keeps the sum for later."""
    sums = charging.by_lease(charges)
    if not sums:
        return accounts
    known = await lock_leases(connection, (lease_id for lease_id, _ in sums))
    changed: dict[str, LeaseRow] = {}
    for (lease_id, workspace_id), units in sums.items():
        row = known.get(lease_id) or LeaseRow(
            lease_id=lease_id, relay_id="", workspace_id=workspace_id, lease=Lease()
        )
        if row.workspace_id != workspace_id:
            continue  # another account's: it holds nothing for this one
        accounts[workspace_id], lease = charged(accounts[workspace_id], row.lease, units)
        known[lease_id] = changed[lease_id] = replace(row, lease=lease)
    await put_leases(connection, changed, is_heartbeat=False)
    return accounts
