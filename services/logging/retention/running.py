"""Whoever has the turn carries the clean-ups out: one process of all, and after it the next.

What a process that died had begun is gone on with by the next one, unasked.
"""

import asyncio
from typing import Final

import asyncpg

from services.logging.metrics import LoggingMetrics
from services.logging.partitions.dropping import Dropper
from services.logging.retention.deleting import PHASE_ROWS, Deleting
from services.logging.retention.expiring import Expiry
from services.logging.retention.periods import Periods
from services.logging.retention.store_clean_ups import CHANNEL, unfinished
from shared.kafka.lock_session import LockSession, hold_lock
from shared.kafka.turns import Turns
from shared.service.clock import Clock, utc_now

_LOOK_S: Final = 15.0
"""A notification may be lost; then it is found after so long. So is a period that is over."""


class CleanUpRunner:
    """Deletes for as long as it holds the lock, else waits for it."""

    def __init__(
        self,
        *,
        dsn: str,
        metrics: LoggingMetrics,
        periods: Periods,
        phase_rows: int = PHASE_ROWS,
        clock: Clock = utc_now,
    ) -> None:
        self._dsn = dsn
        self._metrics = metrics
        self._periods = periods
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
        while True:
            self._wake.clear()
            async with session.connection() as connection:
                notes = await unfinished(connection)
            for note in notes:
                await deleting.carry_out(note)
            if notes or await self._begins(expiry):
                continue
            await expiry.end_usage()
            try:
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)
            except TimeoutError:
                continue

    async def _begins(self, expiry: Expiry) -> bool:
        try:
            return await expiry.begin_due()
        except asyncpg.LockNotAvailableError:
            return False  # a batch takes long: at the next look
