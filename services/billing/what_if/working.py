"""Working through runs, a chunk at a time.

A chunk, its sums and the run's place in it are one transaction, under the run's own lock: whoever
is killed leaves the run where its last chunk ended, and whoever comes next goes on there.
"""

import asyncio
from typing import Final

import asyncpg

from services.billing.what_if.posting_differences import post_chunk
from services.billing.what_if.rating_again import Again, choice_of, rate_again, summed
from services.billing.what_if.store_charges import read_charges
from services.billing.what_if.store_runs import Run, add_sums, claim_run, move_rated, prices_of
from shared.money.rerating import Rerater
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, Connection, in_transaction
from shared.telemetry.logs import get_logger

CHUNK: Final = 20_000
_PIECE: Final = 200
"""Charges that are rated without letting others on the loop: a few milliseconds."""
_EVERY_S: Final = 1.0
_AFTER_FAILURE_S: Final = 5.0

_logger = get_logger()


async def work_always(pool: asyncpg.Pool) -> None:
    """Work until cancelled. A database that is away is waited for."""
    while True:
        try:
            has_more = await work_once(pool)
        except DATABASE_AWAY as error:
            _logger.warning("what_if.failed", **describe_error(error))
            await asyncio.sleep(_AFTER_FAILURE_S)
        else:
            await asyncio.sleep(0 if has_more else _EVERY_S)


async def work_once(pool: asyncpg.Pool, *, chunk: int = CHUNK) -> bool:
    """One chunk of the oldest run; False where no run has work left. Repeatable."""

    async def work(connection: Connection) -> bool:
        run = await claim_run(connection)
        if run is None:
            return False
        if run.state == "posting":
            await post_chunk(connection, run)
        else:
            await _rate_chunk(connection, run, chunk)
        return True

    return await in_transaction(pool, work, idempotent=True)


async def _rate_chunk(connection: Connection, run: Run, limit: int) -> None:
    charges = await read_charges(
        connection,
        run.charges,
        first_entry_id=run.next_entry_id,
        last_entry_id=run.last_entry_id,
        limit=limit,
    )
    rerater = Rerater(choice_of(await prices_of(connection, run.run_id)))
    rated: list[Again] = []
    for start in range(0, len(charges), _PIECE):
        rated += rate_again(rerater, charges[start : start + _PIECE])
        await asyncio.sleep(0)
    await add_sums(connection, run.run_id, summed(rated))
    is_last = len(charges) < limit
    await move_rated(
        connection,
        run.run_id,
        state="rated" if is_last else "rating",
        next_entry_id=run.last_entry_id + 1 if is_last else charges[-1].entry_id + 1,
        done=len(charges),
        without=sum(again.units is None for again in rated),
    )
