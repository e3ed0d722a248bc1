"""Carrying a clean-up out: what the database is asked at a time stays small.

1. partitions that are older as a whole: counted without a lock, dropped in some milliseconds
2. of the one that holds the target: some thousand rows at a time, with a rest between
3. the counts of what is gone

Each step counts in the clean-up's note in the transaction that deletes, so a crash loses no count
and repeats none. All is done on the session that holds the lock: who lost his turn deletes nothing.
"""

import asyncio
from functools import partial
from time import monotonic
from typing import Final

from services.logging.metrics import LoggingMetrics
from services.logging.partitions import store_partitions
from services.logging.partitions.dropping import Dropper
from services.logging.partitions.spans import (
    COUNTS_BY_DAY,
    COUNTS_BY_HOUR,
    COUNTS_BY_MINUTE,
    LOGS,
)
from services.logging.partitions.store_partitions import Partition
from services.logging.retention import store_clean_ups, store_deleting
from services.logging.retention.store_clean_ups import Note, Phase
from services.logging.retention.store_deleting import FROM_THE_OLDEST
from shared.kafka.lock_session import LockSession
from shared.telemetry.logs import get_logger

PHASE_ROWS: Final = 5_000
"""Some tens of milliseconds of the database's time."""
_COUNTS: Final = (COUNTS_BY_MINUTE, COUNTS_BY_HOUR, COUNTS_BY_DAY)
_logger = get_logger()


class Deleting:
    """Deletes for the clean-ups' notes, on one session."""

    def __init__(
        self, session: LockSession, *, metrics: LoggingMetrics, phase_rows: int = PHASE_ROWS
    ) -> None:
        self._session = session
        self._metrics = metrics
        self._dropper = Dropper(session, metrics)
        self._phase_rows = phase_rows

    async def carry_out(self, note: Note) -> None:
        """To the end, from wherever it was left. Raises what the session raises."""
        await self._enter(note, Phase.PARTITIONS)
        for partition in await self._partitions(LOGS):
            if partition.span.upper <= note.target:
                await self._drop_counted(note, partition)
        await self._enter(note, Phase.ROWS)
        for partition in await self._partitions(LOGS):
            if partition.span.lower < note.target:
                await self._delete_older(note, partition)
        await self._enter(note, Phase.COUNTS)
        for parent in _COUNTS:
            for partition in await self._partitions(parent):
                if partition.span.upper <= note.target:
                    await self._dropper.drop(parent, partition.name)
        async with self._session.connection() as connection:
            deleted = await store_clean_ups.finish(connection, note)
        _logger.info("log_clean_up.finished", before=note.target, deleted=deleted)

    async def _enter(self, note: Note, phase: Phase) -> None:
        async with self._session.connection() as connection:
            await store_clean_ups.enter(connection, note, phase)

    async def _partitions(self, parent: str) -> list[Partition]:
        async with self._session.connection() as connection:
            return await store_partitions.partitions(connection, parent)

    async def _drop_counted(self, note: Note, partition: Partition) -> None:
        async with self._session.connection() as connection, connection.transaction():
            rows = await store_deleting.count_rows(connection, partition)
        counted = partial(store_clean_ups.add, note=note, rows=rows, partitions=1)
        await self._dropper.drop(LOGS, partition.name, together=counted)
        self._metrics.rows_deleted.inc(rows)

    async def _delete_older(self, note: Note, partition: Partition) -> None:
        passed = FROM_THE_OLDEST
        while True:
            begun = monotonic()
            async with self._session.connection() as connection, connection.transaction():
                deleted = await store_deleting.delete_some(
                    connection,
                    partition,
                    before=note.target,
                    after=passed,
                    limit=self._phase_rows,
                )
                await store_clean_ups.add(connection, note, rows=deleted.rows)
            self._metrics.rows_deleted.inc(deleted.rows)
            if deleted.rows < self._phase_rows:
                return
            passed = deleted.passed
            await asyncio.sleep(monotonic() - begun)
