"""What billing has counted of a customer's use, in each place that counts it."""

import asyncpg

from tests.gateway.operator import Customer


async def counted_use(database: asyncpg.Connection, customer: Customer) -> list[int]:
    """Quota units of the account, of the key and of the user's hours; they are to be the same."""
    row = await database.fetchrow(
        """
        SELECT (SELECT charged_units FROM billing.accounts WHERE workspace_id = $1),
            (SELECT used_quota FROM billing.token_usage WHERE key_id = $2),
            (SELECT sum(quota)::bigint FROM billing.quota_data WHERE user_id = $3)
        """,
        customer.workspace_id,
        customer.key_id,
        customer.user_id,
    )
    return list(row or ())
