"""One hour, added up again from its rows, in one transaction beside ingest and readers.

1. the gate, and the hour's own lock   who writes rows of the hour, or gives back of it, waits
2. its rows                            nobody changes them now
3. what is the hour's alone            counts by second, minute and hour, usage, checksum
4. days, from hours                    others add to them: locked in the order in which ingest does
A crash leaves the hour as it was, and its mark in `log_dirty_hours`, if it had one.
"""

from functools import partial
from typing import Final

import asyncpg

from services.logging.ingest import gate
from services.logging.ingest.counting import Facet
from services.logging.ingest.series import SeriesIds
from services.logging.ingest.store_counts import (
    add_counts_of_all,
    add_counts_of_few,
    cover_counts,
    ids_of,
)
from services.logging.ingest.usage_adding import of_site
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import COUNTS_BY_DAY, DAY, USAGE_HOURLY
from services.logging.rebuild.checking import NO_TIME_LIMIT
from services.logging.rebuild.hour_sums import HourSums
from services.logging.rebuild.rebuilt import Rebuilt
from services.logging.rebuild.store_days import add_up_counts, of_facets
from services.logging.rebuild.store_hour import (
    clear_counts,
    made_rows,
    mark_clean,
    replace_checks,
    returned_rows,
)
from services.logging.rebuild.store_state import RebuildState, state
from services.logging.rebuild.store_usage_again import OF_KEYS, OF_SITE, add_up_day, replace_hour
from shared.postgres.retrying import Connection, in_transaction

_FEW: Final = (Facet.NAME, Facet.KEY)
_ALL: Final = (Facet.ALL, Facet.SITE)
# Beside ingest a lock may take longer than the role usually waits.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '60s'"


class HourRebuilder:
    """Rebuilds from rows. `pool` has two connections or more: one hour takes one, and asks."""

    def __init__(self, pool: asyncpg.Pool, *, partition_hours: int) -> None:
        self._pool = pool
        self._partitions = Partitions(pool, partition_hours=partition_hours)
        self._series = SeriesIds(pool)

    async def rebuild(self, hour: int) -> Rebuilt:
        """One hour, by its first second. Repeatable. Raises what asyncpg raises."""
        return await in_transaction(self._pool, partial(self._rebuild, hour=hour), idempotent=True)

    async def _rebuild(self, connection: Connection, *, hour: int) -> Rebuilt:
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(LOCK_TIMEOUT)
        entered = await gate.enter(connection)
        self._series.of_epoch(entered.epoch)
        await gate.lock_hours(connection, [hour], exclusive=True)
        known = await state(connection, hour, hour + 1)
        has_usage = _has_usage(known, hour)
        if hour < known.refuse_before:
            await mark_clean(connection, hour)
            return Rebuilt(hour, 0, counts=False, usage=False)
        sums = HourSums(hour, minutes_from=known.minutes_from, seconds_from=known.seconds_from)
        async for rows in made_rows(connection, hour):
            sums.add_rows(rows)
        if has_usage:
            async for rows in returned_rows(connection, hour):
                sums.add_returned(rows)
        await self._write(connection, hour, sums, known, has_usage=has_usage)
        await mark_clean(connection, hour)
        return Rebuilt(hour, sums.check.rows, counts=True, usage=has_usage)

    async def _write(
        self,
        connection: Connection,
        hour: int,
        sums: HourSums,
        known: RebuildState,
        *,
        has_usage: bool,
    ) -> None:
        day = hour - hour % DAY
        await cover_counts(sums.counts, self._partitions)
        await self._partitions.cover(COUNTS_BY_DAY, [day])
        if sums.usage:
            await self._partitions.cover(USAGE_HOURLY, [hour])
        ids = await ids_of(sums.counts, self._series)
        series = await clear_counts(connection, hour) | set(ids.values())

        await add_counts_of_few(connection, sums.counts, ids)
        await add_up_counts(connection, day, await of_facets(connection, series, _FEW))
        if has_usage:
            keys = await replace_hour(connection, OF_KEYS, hour, sums.usage)
            await add_up_day(connection, OF_KEYS, day, keys)
        is_whole = known.has_all_rows(hour)
        await replace_checks(connection, hour, sums.check, is_whole=is_whole)
        if has_usage:
            keys = await replace_hour(connection, OF_SITE, hour, of_site(sums.usage))
            await add_up_day(connection, OF_SITE, day, keys)
        await add_counts_of_all(connection, sums.counts, ids)
        await add_up_counts(connection, day, await of_facets(connection, series, _ALL))


def _has_usage(known: RebuildState, hour: int) -> bool:
    # The whole day's hours are needed, to add up the day from them.
    return known.has_all_rows(hour) and hour - hour % DAY >= known.usage_hourly_from
