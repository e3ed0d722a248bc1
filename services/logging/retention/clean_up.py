"""Deleting history in phases: what the database is asked at a time stays small.

1. one transaction says that it begins: a row of `log_clean_ups`, and the audit's event
2. each phase deletes some rows and counts them in that row, in one transaction
3. between phases the database is left alone for as long as the phase took

A crash leaves what was deleted deleted and counted; called again, it goes on with the rest.
"""

import asyncio
from functools import partial
from time import monotonic
from typing import Final

import asyncpg

from services.logging.retention.store_clean_up import FROM_THE_OLDEST, begin, delete_some, finish
from shared.audit.actions import Actor
from shared.postgres.retrying import in_transaction
from shared.telemetry.logs import get_logger

PHASE_ROWS: Final = 5_000
"""Some tens of milliseconds of the database's time."""
_logger = get_logger()


class CleanUp:
    """Deletes old rows. Several may go on at a time: a phase waits for the other's."""

    def __init__(self, pool: asyncpg.Pool, *, phase_rows: int = PHASE_ROWS) -> None:
        self._pool = pool
        self._phase_rows = phase_rows

    async def delete_before(self, timestamp: int, actor: Actor) -> int:
        """Delete every row created before `timestamp` (Unix seconds); answer how many, exactly.

        Repeatable. Raises what asyncpg raises, when it had to be given up.
        """
        clean_up_id = await in_transaction(
            self._pool, partial(begin, timestamp=timestamp, actor=actor)
        )
        passed = FROM_THE_OLDEST
        while True:
            begun = monotonic()
            phase = await in_transaction(
                self._pool,
                partial(
                    delete_some,
                    clean_up_id=clean_up_id,
                    timestamp=timestamp,
                    after=passed,
                    limit=self._phase_rows,
                ),
                idempotent=True,  # what a lost session deleted is counted in the row
            )
            if phase.passed is None and passed == FROM_THE_OLDEST:
                break
            # At the end once more from the oldest: events that come late make rows behind us.
            passed = phase.passed or FROM_THE_OLDEST
            await asyncio.sleep(monotonic() - begun)
        deleted = await in_transaction(
            self._pool, partial(finish, clean_up_id=clean_up_id), idempotent=True
        )
        _logger.info("log_clean_up.finished", before=timestamp, deleted=deleted)
        return deleted
