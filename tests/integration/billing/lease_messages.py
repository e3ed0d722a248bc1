"""A relay's messages, told to billing as one transaction each."""

from functools import partial

import asyncpg

from services.billing.leases.leasing import answer_message
from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseAsks
from shared.postgres.retrying import in_transaction


def ask(
    lease: str,
    seq: int,
    *,
    workspace: int = 1,
    key: int | None = None,
    used: int = 0,
    need: int = 0,
    want: int | None = None,
    close: bool = False,
) -> LeaseAsk:
    return LeaseAsk(
        lease_id=lease,
        subject=f"account:{workspace}" if key is None else f"key:{key}",
        seq=seq,
        used_total=used,
        need_total=max(used, need),
        want_total=max(used, need) if want is None else want,
        close=close,
    )


async def tell(pool: asyncpg.Pool, *asks: LeaseAsk, relay: str = "r1") -> list[LeaseAnswer]:
    """One message's answers."""
    message = LeaseAsks(relay_id=relay, leases=asks)
    answers = await in_transaction(pool, partial(answer_message, message=message), idempotent=True)
    return list(answers.leases)


async def fund(pool: asyncpg.Pool, units: int, *, workspace: int = 1) -> None:
    """Put money into an account, with the ledger entry that belongs to it."""
    await pool.execute(
        """
        WITH account AS (
            INSERT INTO accounts (workspace_id, balance_units) VALUES ($1, $2)
            ON CONFLICT (workspace_id) DO UPDATE
            SET balance_units = accounts.balance_units + EXCLUDED.balance_units
            RETURNING balance_units
        )
        INSERT INTO ledger_entries (workspace_id, kind, cause, amount_units, balance_after_units,
            posted_at)
        SELECT $1, 'top_up', 'top_up:' || gen_random_uuid(), $2, balance_units, now() FROM account
        """,
        workspace,
        units,
    )
