"""Workspaces that keep their rows for a shorter time than the site.

Their rows lie among others': no partition can go, and the counts go on being read. So each phase
takes the rows that it deletes out of the counts and the checksums, in one transaction.
"""

import asyncio
import random
from collections.abc import Sequence
from time import monotonic
from typing import Final

import asyncpg

from services.logging.ingest import gate
from services.logging.ingest.checks import Check, sum_up
from services.logging.ingest.counting import count
from services.logging.ingest.series import SeriesIds
from services.logging.ingest.store_checks import DELETED_SLOT, put_checks
from services.logging.ingest.store_counts import (
    add_counts_of_all,
    add_counts_of_few,
    cover_counts,
    ids_of,
)
from services.logging.metrics import LoggingMetrics
from services.logging.partitions import store_partitions
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import HOUR, LOGS
from services.logging.partitions.store_partitions import Partition
from services.logging.retention import store_clean_ups, store_workspaces
from services.logging.retention.periods import DAY_S
from services.logging.retention.store_clean_ups import Note, Phase
from services.logging.retention.store_deleting import FROM_THE_OLDEST, Place
from services.logging.retention.store_workspaces import Choice
from services.logging.rows.rows import LogRow
from shared.kafka.lock_session import LockSession
from shared.postgres.retrying import Connection
from shared.service.clock import Clock, utc_now
from shared.telemetry.logs import get_logger

AT_ONCE: Final = 20
"""Workspaces whose rows are hidden and not deleted yet: readers take each off their totals."""
_AGAIN_S: Final = (0.05, 0.5)
_logger = get_logger()


class Workspaces:
    """Ends the workspaces' periods, on the session that carries clean-ups out."""

    def __init__(
        self,
        session: LockSession,
        *,
        partitions: Partitions,
        series: SeriesIds,
        metrics: LoggingMetrics,
        phase_rows: int,
        clock: Clock = utc_now,
    ) -> None:
        self._session = session
        self._partitions = partitions
        self._series = series
        self._metrics = metrics
        self._phase_rows = phase_rows
        self._clock = clock

    async def begin_due(self) -> bool:
        """Begin some whose period is over; False where there is none."""
        now = int(self._clock().timestamp())
        async with self._session.connection() as connection, connection.transaction():
            begun = await store_workspaces.begin_due(
                connection, midnight=now - now % DAY_S, most=AT_ONCE
            )
        return begun > 0

    async def carry_out(self, note: Note, workspace_id: int) -> None:
        """To the end, from wherever it was left. Raises what the session raises."""
        async with self._session.connection() as connection:
            await store_clean_ups.enter(connection, note, Phase.ROWS)
            partitions = await store_partitions.partitions(connection, LOGS)
        for partition in partitions:
            if partition.span.lower < note.target:
                await self._delete_older(note, workspace_id, partition)
        async with self._session.connection() as connection:
            deleted = await store_clean_ups.finish(connection, note)
        _logger.info("log_clean_up.finished", workspace_id=workspace_id, deleted=deleted)

    async def _delete_older(self, note: Note, workspace_id: int, partition: Partition) -> None:
        passed = FROM_THE_OLDEST
        while True:
            begun = monotonic()
            try:
                async with self._session.connection() as connection, connection.transaction():
                    rows, passed = await self._phase(
                        connection, note, workspace_id, partition, passed
                    )
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                # An hour that is being rebuilt is not touched.
                await asyncio.sleep(random.uniform(*_AGAIN_S))  # noqa: S311 - not a secret
                continue
            self._metrics.rows_deleted.inc(rows)
            if rows < self._phase_rows:
                return
            await asyncio.sleep(monotonic() - begun)

    async def _phase(
        self,
        connection: Connection,
        note: Note,
        workspace_id: int,
        partition: Partition,
        after: Place,
    ) -> tuple[int, Place]:
        """How many rows went, and how far it came. The order of the locks is ingest's."""
        state = await gate.enter(connection)
        self._series.of_epoch(state.epoch)
        # What the site's horizon hides is another clean-up's, and in no count that is read.
        choice = Choice(workspace_id, state.refuse_before, note.target, after, self._phase_rows)
        times = await store_workspaces.times_of(connection, partition, choice)
        await gate.lock_hours(connection, times)
        gone = await store_workspaces.delete(connection, partition, choice)
        counted = count(
            gone.rows,
            sign=-1,
            minutes_from=state.minutes_from,
            seconds_from=state.seconds_from,
        )
        await cover_counts(counted, self._partitions)
        ids = await ids_of(counted, self._series)
        await add_counts_of_few(connection, counted, ids)
        await put_checks(connection, {DELETED_SLOT: taken_away(gone.rows)})
        await add_counts_of_all(connection, counted, ids)
        await store_clean_ups.add(connection, note, rows=len(gone.rows))
        return len(gone.rows), gone.passed


def taken_away(rows: Sequence[LogRow]) -> dict[int, Check]:
    """By hour, what is to be taken off the checksums.

    An hour of which only what was given back is gone has no row less, and is named all the same:
    its usage can no longer be told from rows.
    """
    hours = sum_up(rows, sign=-1)
    for row in rows:
        if row.bucket_at is not None:
            hours.setdefault(row.bucket_at // HOUR * HOUR, Check())
    return hours
