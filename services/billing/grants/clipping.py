"""Lots are a part of the balance: what leaves it otherwise than by charges is not left of them."""

from collections.abc import Mapping

from services.billing.accounts.store_accounts import AccountRow
from services.billing.grants.consuming import within
from services.billing.grants.store_grants import lock_lots, set_remaining
from shared.postgres.retrying import Connection


async def clip_lots(connection: Connection, accounts: Mapping[int, AccountRow]) -> None:
    """Take from the accounts' lots what their balances no longer cover; the accounts are locked.

    After whatever lowered a balance, or gave to a lot of an account that is in debt. The caller
    commits.
    """
    lots = await lock_lots(connection, accounts.keys())
    balances = {i: row.figures.balance_units for i, row in accounts.items()}
    remaining = within(lots, balances)
    if remaining:
        await set_remaining(connection, remaining)
