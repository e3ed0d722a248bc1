"""Partitions for the times of rows that are about to be written."""

from collections.abc import Iterable
from functools import partial

import asyncpg

from services.logging.partitions.spans import Span, span_for
from services.logging.partitions.store_partitions import ensure, partitions
from shared.postgres.retrying import Connection, in_transaction


class Partitions:
    """Remembers which times have a partition, and makes those that are missing.

    Each is made in a transaction of its own, committed at once: within a batch's it would keep
    others from making theirs for as long as the batch takes. What is remembered may have been
    dropped since: only what nobody writes to any more is.
    """

    def __init__(self, pool: asyncpg.Pool, *, partition_hours: int) -> None:
        self._pool = pool
        self._partition_hours = partition_hours
        self._known: dict[str, list[Span]] = {}

    async def cover(self, parent: str, times: Iterable[int]) -> None:
        """See that each time has a partition of `parent`. Raises what asyncpg raises."""
        missing = [time for time in sorted(set(times)) if not self._is_known(parent, time)]
        for time in missing:
            if not self._is_known(parent, time):
                await in_transaction(
                    self._pool, partial(self._make, parent=parent, time=time), idempotent=True
                )

    async def _make(self, connection: Connection, *, parent: str, time: int) -> None:
        there = [found.span for found in await partitions(connection, parent)]
        if not any(span.has(time) for span in there):
            made = span_for(parent, time, there, partition_hours=self._partition_hours)
            await ensure(connection, parent, made)
            there.append(made)
        self._known[parent] = there

    def _is_known(self, parent: str, time: int) -> bool:
        return any(span.has(time) for span in self._known.get(parent, ()))
