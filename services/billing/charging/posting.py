"""Charging a batch: one transaction, in which only what is new counts.

The order of the steps matters:
  1. keep ratings, make accounts      before any lock: who waits here holds nothing
  2. lock the accounts, by id         from here on no other charge or lease of theirs moves
  3. see what the ledger has          after the lock, so that nothing can come in between; what
                                      grants pay is in the new ones' detail, and hashed with it
  4. count the keys, by id            their events say what is left of a limit
  5. chain and insert the entries     the unique cause has the last word; meanwhile their events
                                      are built
  6. count the budgets, by id         and what failed and cost nothing, in budgets alone
  7. leases, hours, by id             accounts, keys, budgets, leases, hours: the order of everybody
  8. the events, in the outbox
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from services.billing.accounts.store_accounts import (
    AccountRow,
    add_missing_accounts,
    lock_accounts,
    write_accounts,
)
from services.billing.budgets.charged import count_batch
from services.billing.budgets.counting import by_budget_lease
from services.billing.budgets.store_budgets import write_budgets_held
from services.billing.charging import sums
from services.billing.charging.chargeable import Charge, FailedRequest
from services.billing.charging.entries import ChainedCharge, chain
from services.billing.charging.ratings_kept import keep_ratings, rating_keys
from services.billing.charging.store_charges import (
    count_hours,
    insert_charges,
    known_causes,
)
from services.billing.charging.sums import KeyRemain, KeyUse, LeaseOf
from services.billing.grants.paying import pay_from_grants
from services.billing.keys.store_keys import KeyRow, count_keys, write_keys
from services.billing.leases.granting import Lease, LeaseRow, SubjectFigures, charged
from services.billing.leases.store_leases import lock_leases, put_leases
from services.billing.leases.subjects import (
    Subject,
    SubjectKind,
    account,
    budget,
    by_id,
    ids_of,
    key,
)
from services.billing.ledger.events import charge_records
from services.billing.ledger.store_entries import take_entry_ids
from shared.events.catalog import BILLING_LEDGER
from shared.kafka.outbox import enqueue
from shared.kafka.outbox_rows import OutboxRecord
from shared.money.chain import ChainHead, prev_hash
from shared.postgres.retrying import Connection

_PIECE: Final = 100
"""Entries that are chained, and events that are built, without letting others on the loop."""


async def post_charges(
    connection: Connection, charges: Sequence[Charge], failed: Sequence[FailedRequest] = ()
) -> list[Charge]:
    """Charge what is not charged yet, and answer that. Repeatable; the caller commits.

    What `failed` and cost nothing counts to budgets.
    """
    if not charges:
        await count_batch(connection, (), failed)
        return []
    workspaces = {charge.workspace_id for charge in charges}
    ratings = rating_keys(charges)
    await keep_ratings(connection, ratings)
    await add_missing_accounts(connection, workspaces)
    accounts = await lock_accounts(connection, workspaces)
    new = sums.distinct(charges, await known_causes(connection, charges))
    if not new:
        await count_batch(connection, (), failed)
        return []
    balances = {i: row.figures.balance_units for i, row in accounts.items()}
    new = await pay_from_grants(connection, new, balances)
    after = sums.balances_after(new, balances)
    spent, used, leased = sums.by_account(new), sums.by_key(new), sums.by_lease(new)
    with_leases = ids_of((of.subject for of in leased), SubjectKind.KEY)
    keys = await count_keys(connection, used, with_leases=with_leases)
    remains = sums.remains_after(new, _remains_before(keys.values(), used))
    entry_ids = await take_entry_ids(connection, len(new))
    prev = {i: prev_hash(row.head, i, balances[i]) for i, row in accounts.items()}
    numbered = list(zip(new, entry_ids, after, remains, strict=True))
    records = await _insert(connection, await _chain(prev, numbered, ratings))
    last = {charge.workspace_id: entry_id for charge, entry_id, *_ in numbered}

    figures = {
        account(i): replace(
            accounts[i].figures, balance_units=accounts[i].figures.balance_units - units
        )
        for i, units in spent.items()
    } | {key(row.key_id): row.figures for row in keys.values()}
    budgets = await count_batch(connection, new, failed)
    if budgets:
        leased |= by_budget_lease(new, budgets)
        figures |= {budget(i): row.figures for i, row in budgets.items()}
    moved = await _charge_leases(connection, figures, leased)
    await write_accounts(
        connection,
        {
            i: AccountRow(
                figures=figures[account(i)],
                charged_units=accounts[i].charged_units + units,
                head=ChainHead(last[i], prev[i]),
            )
            for i, units in spent.items()
        },
    )
    await write_keys(connection, by_id(moved, SubjectKind.KEY))
    await write_budgets_held(connection, by_id(moved, SubjectKind.BUDGET))
    await count_hours(connection, sums.by_hour(new))
    await enqueue(connection, BILLING_LEDGER.name, records)
    return new


def _remains_before(keys: Iterable[KeyRow], used: Mapping[int, KeyUse]) -> dict[int, KeyRemain]:
    """What keys with a limit could still spend before what was just counted."""
    return {
        row.key_id: KeyRemain(
            row.limit_units - row.used_units + used[row.key_id].quota_units, row.quota_version
        )
        for row in keys
        if row.limit_units is not None
    }


async def _chain(
    prev_hashes: dict[int, bytes],
    numbered: Sequence[tuple[Charge, int, int, KeyRemain | None]],
    ratings: Mapping[bytes, bytes],
) -> list[ChainedCharge]:
    entries: list[ChainedCharge] = []
    for start in range(0, len(numbered), _PIECE):
        await asyncio.sleep(0)
        entries += chain(prev_hashes, numbered[start : start + _PIECE], ratings)
    return entries


async def _insert(connection: Connection, entries: Sequence[ChainedCharge]) -> list[OutboxRecord]:
    """Write the entries, and build their events while the database does."""
    writing = asyncio.create_task(insert_charges(connection, entries))
    now = datetime.now(UTC)
    records: list[OutboxRecord] = []
    try:
        for start in range(0, len(entries), _PIECE):
            await asyncio.sleep(0)
            records += charge_records(entries[start : start + _PIECE], now=now)
        await writing
    finally:
        # Only after an error: nobody may use the connection before its statement has ended.
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    return records


async def _charge_leases(
    connection: Connection,
    figures: dict[Subject, SubjectFigures],
    leased: Mapping[LeaseOf, int],
) -> dict[Subject, SubjectFigures]:
    """Count the charges against their leases, and answer the figures that this moved.

    `figures` are moved as well. A lease that is unknown keeps the sum for later.
    """
    if not leased:
        return {}
    known = await lock_leases(connection, (of.lease_id for of in leased))
    changed: dict[str, LeaseRow] = {}
    moved: dict[Subject, SubjectFigures] = {}
    for of, units in leased.items():
        row = known.get(of.lease_id) or LeaseRow(
            lease_id=of.lease_id,
            relay_id="",
            subject=of.subject,
            workspace_id=of.workspace_id,
            lease=Lease(),
        )
        if row.subject != of.subject:
            continue  # another's: it holds nothing for this one
        figures[of.subject], lease = charged(figures[of.subject], row.lease, units)
        moved[of.subject] = figures[of.subject]
        known[of.lease_id] = changed[of.lease_id] = replace(row, lease=lease)
    await put_leases(connection, changed, is_heartbeat=False)
    return moved
