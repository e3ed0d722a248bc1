"""The site's periods: log rows, usage by the hour and usage by the day go when theirs is over."""

import asyncio
from time import monotonic
from typing import Final

from services.logging.partitions import store_partitions
from services.logging.partitions.dropping import Dropper
from services.logging.partitions.spans import USAGE_HOURLY, usual_span
from services.logging.retention.periods import DAY_S, Periods, kept_from
from services.logging.retention.store_clean_ups import Kind, begin
from services.logging.retention.store_expiring import Starts, move_usage, starts, sweep
from shared.kafka.lock_session import LockSession
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

_SWEPT: Final = 2_000
_NOBODY: Final = 0
_HOURS_OF_DAY: Final = 24
_logger = get_logger()


class Expiry:
    """What is due, on the session that carries clean-ups out."""

    def __init__(
        self, session: LockSession, *, periods: Periods, dropper: Dropper, clock: Clock = utc_now
    ) -> None:
        self._session = session
        self._periods = periods
        self._dropper = dropper
        self._clock = clock

    async def begin_due(self) -> bool:
        """Begin a clean-up of the log rows whose period is over; False where there is none."""
        target = kept_from(self._now(), self._periods.logs_days)
        if target is None or target <= (await self._starts()).logs:
            return False
        async with self._session.connection() as connection, connection.transaction():
            note = await begin(connection, target=target, kind=Kind.RETENTION, started_by=_NOBODY)
        _logger.info("log_retention.begun", clean_up_id=note.id, before=note.target)
        return True

    async def end_usage(self) -> None:
        """Delete the usage whose period is over, never of a time of which rows may still come."""
        now, there = self._now(), await self._starts()
        hourly = kept_from(now, self._periods.usage_hourly_days) or 0
        daily = kept_from(now, self._periods.usage_daily_days) or 0
        # By whole months: so are its partitions.
        month = usual_span(USAGE_HOURLY, min(hourly, there.logs), partition_hours=_HOURS_OF_DAY)
        due = Starts(there.logs, month.lower, min(daily, there.logs) // DAY_S * DAY_S)
        if due.usage_hourly > there.usage_hourly or due.usage_daily > there.usage_daily:
            async with self._session.connection() as connection:
                await move_usage(connection, hourly=due.usage_hourly, daily=due.usage_daily)
        await self._delete(await self._starts())

    async def _delete(self, there: Starts) -> None:
        async with self._session.connection() as connection:
            hours = await store_partitions.partitions(connection, USAGE_HOURLY)
        for one in hours:
            if one.span.upper <= there.usage_hourly:
                await self._dropper.drop(USAGE_HOURLY, one.name)
        while True:
            begun = monotonic()
            async with self._session.connection() as connection:
                swept = await sweep(connection, there, limit=_SWEPT)
            if swept < _SWEPT:
                return
            await asyncio.sleep(monotonic() - begun)

    async def _starts(self) -> Starts:
        async with self._session.connection() as connection:
            return await starts(connection)

    def _now(self) -> int:
        return int(self._clock().timestamp())
