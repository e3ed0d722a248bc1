"""Partitions for the times of rows that are about to be written."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import asyncpg

from services.logging.partitions.spans import USAGE_HOURLY, Span, span_for
from services.logging.partitions.store_partitions import ensure, partitions
from shared.postgres.retrying import Connection, in_transaction


class Partitions:
    """Remembers which times have a partition, and makes those that are missing.

    Each is made in a transaction of its own, committed at once: within a batch's it would keep
    others from making theirs for as long as the batch takes. What is remembered may have been
    dropped since: only what nobody writes to any more is, but for usage, which see `_remembered`.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, partition_hours: int, now: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._partition_hours = partition_hours
        self._now = now
        self._known: dict[str, Sequence[Span]] = {}

    async def cover(self, parent: str, times: Iterable[int]) -> None:
        """See that each time has a partition of `parent`. Raises what asyncpg raises.

        They stay for as long as the caller is in the gate.
        """
        there = self._remembered(parent)
        for at in sorted(set(times)):
            if not any(span.has(at) for span in there):
                # Remembered when it is committed: what was rolled back is no partition.
                there = self._known[parent] = await in_transaction(
                    self._pool, partial(self._make, parent=parent, at=at), idempotent=True
                )

    def _remembered(self, parent: str) -> Sequence[Span]:
        known = self._known.get(parent, ())
        if parent != USAGE_HOURLY:
            return known
        # A month that is over may be dropped, and something of it be given back later.
        now = self._now()
        return [span for span in known if span.upper > now]

    async def _make(self, connection: Connection, *, parent: str, at: int) -> Sequence[Span]:
        there = [found.span for found in await partitions(connection, parent)]
        if not any(span.has(at) for span in there):
            made = span_for(parent, at, there, partition_hours=self._partition_hours)
            await ensure(connection, parent, made)
            there.append(made)
        return there
