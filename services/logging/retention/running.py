"""Whoever has the turn carries the clean-ups out: one process of all, and after it the next.

What a process that died had begun is gone on with by the next one, unasked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from services.logging.ingest.series import SeriesIds
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.covering import Partitions
from services.logging.partitions.dropping import Dropper
from services.logging.retention.deleting import PHASE_ROWS, Deleting
from services.logging.retention.expiring import Expiry
from services.logging.retention.periods import Periods
from services.logging.retention.store_clean_ups import CHANNEL, unfinished
from services.logging.retention.workspaces import Workspaces
from shared.kafka.lock_session import LockSession, hold_lock
from shared.kafka.turns import Turns
from shared.service.clock import Clock, utc_now

_LOOK_S: Final = 15.0
"""A notification may be lost; then it is found after so long. So is a period that is over."""
_REMEMBERED: Final = 20_000
"""Series that are kept in mind: a phase touches some hundreds."""


class CleanUpRunner:
    """Deletes for as long as it holds the lock, else waits for it."""

    def __init__(
        self,
        *,
        dsn: str,
        metrics: LoggingMetrics,
        periods: Periods,
        pool: asyncpg.Pool,
        partition_hours: int,
        phase_rows: int = PHASE_ROWS,
        clock: Clock = utc_now,
    ) -> None:
        self._dsn = dsn
        self._metrics = metrics
        self._periods = periods
        self._pool = pool
        self._partition_hours = partition_hours
        self._phase_rows = phase_rows
        self._clock = clock
        self._turns = Turns("log_clean_ups")
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Survives the server's restarts."""
        await self._turns.run(self._turn)

    async def _turn(self) -> None:
        async with hold_lock(
            self._dsn, name="clean_up", channel=CHANNEL, on_notify=self._wake.set
        ) as session:
            await self._turns.hold(session, self._carry_out_all(session))

    async def _carry_out_all(self, session: LockSession) -> None:
        deleting = Deleting(session, metrics=self._metrics, phase_rows=self._phase_rows)
        expiry = Expiry(
            session,
            periods=self._periods,
            dropper=Dropper(session, self._metrics),
            clock=self._clock,
        )
        workspaces = Workspaces(
            session,
            partitions=Partitions(self._pool, partition_hours=self._partition_hours),
            series=SeriesIds(self._pool, remembered=_REMEMBERED),
            metrics=self._metrics,
            phase_rows=self._phase_rows,
            clock=self._clock,
        )
        while True:
            self._wake.clear()
            async with session.connection() as connection:
                notes = await unfinished(connection)
            for note in notes:
                if note.workspace_id is None:
                    await deleting.carry_out(note)
                else:
                    await workspaces.carry_out(note, note.workspace_id)
            if notes or await _begun(expiry.begin_due) or await _begun(workspaces.begin_due):
                continue
            await expiry.end_usage()
            try:
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)
            except TimeoutError:
                continue


async def _begun(begin_due: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await begin_due()
    except asyncpg.LockNotAvailableError:
        return False  # a batch takes long: at the next look
