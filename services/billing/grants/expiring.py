"""What is left of grants that have ended is taken back, as far as no lease holds it."""

from functools import partial
from typing import Final

import asyncpg

from services.billing.accounts.store_accounts import lock_accounts
from services.billing.grants.consuming import expiring
from services.billing.grants.store_grants import expire_lot, lock_ended, workspaces_with_ended
from services.billing.ledger.entering import EntryDraft, post_entries
from shared.events.ledger import EntryKind
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import utc_now

_AT_ONCE: Final = 200


async def expire_ended(pool: asyncpg.Pool) -> int:
    """Expire what has ended, of each workspace in turn; answers the units. Repeatable."""
    units, after = 0, 0
    while ended := await workspaces_with_ended(pool, after=after, limit=_AT_ONCE):
        for workspace_id in ended:
            units += await in_transaction(
                pool, partial(expire_of, workspace_id=workspace_id), idempotent=True
            )
        after = ended[-1]
    return units


async def expire_of(connection: Connection, workspace_id: int) -> int:
    """Expire what has ended of one workspace; answers the units. The caller commits.

    What leases hold is left for later: an expiry never takes what a request was promised.
    """
    accounts = await lock_accounts(connection, [workspace_id])
    taken = 0
    for grant_id, remaining, expiries in await lock_ended(connection, workspace_id):
        figures = accounts[workspace_id].figures
        units, left = expiring(
            remaining_units=remaining,
            balance_units=figures.balance_units,
            available_units=figures.available_units,
        )
        if units:
            draft = EntryDraft(
                workspace_id=workspace_id,
                kind=EntryKind.EXPIRY,
                cause=f"expiry:{grant_id}:{expiries}",
                amount_units=-units,
                posted_at=utc_now(),
            )
            await post_entries(connection, accounts, [draft])
        if left != remaining:
            await expire_lot(connection, grant_id, left_units=left, has_entry=units > 0)
        taken += units
    return taken
