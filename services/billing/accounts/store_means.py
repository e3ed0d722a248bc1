"""What a key or an account has used and may use yet, read without a lock."""

from typing import Final

import asyncpg

from services.billing.accounts.tool_shapes import Means

_OF_KEY: Final = "SELECT used_quota, limit_units - used_quota FROM token_usage WHERE key_id = $1"
_OF_ACCOUNT: Final = "SELECT charged_units, balance_units FROM accounts WHERE workspace_id = $1"


async def means_of_key(pool: asyncpg.Pool, key_id: int) -> Means:
    """A key that was never used and has no limit is not there: it has used nothing."""
    row = await pool.fetchrow(_OF_KEY, key_id)
    return Means(0, None) if row is None else Means(*row)


async def means_of_account(pool: asyncpg.Pool, workspace_id: int) -> Means:
    """An account that nobody met yet has nothing."""
    row = await pool.fetchrow(_OF_ACCOUNT, workspace_id)
    return Means(0, 0) if row is None else Means(*row)
