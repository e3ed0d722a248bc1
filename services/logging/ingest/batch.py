"""One batch of events on its way into the tables: the steps of its transaction.

The order of the steps matters:
  1. enter the gate               from here on no horizon moves and no partition goes
  2. part by part: refuse what is older than the horizon; see to the rows' partitions; lock their
     hours; write the rows that are new, the next part being read meanwhile
  3. what was new is added up     and series, sentences and partitions are seen to: committed at
                                  once, or what is remembered of them could be rolled back
  4. counts and usage of keys     a key's events are in one partition, so nobody else waits
  5. checks, and what was refused by the slots of this process
  6. usage and counts of the site last, since every batch writes these rows: others wait for ms
Whoever takes locks takes them in this order, and within a step in that of the keys.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from services.logging.buckets import Grain
from services.logging.ingest import gate
from services.logging.ingest.checks import sum_up
from services.logging.ingest.counting import spread_out, sum_by_key
from services.logging.ingest.planning import look_up_by_index
from services.logging.ingest.refusing import Horizons, count_refused
from services.logging.ingest.sentences import Sentences
from services.logging.ingest.series import SeriesIds
from services.logging.ingest.store_checks import put_checks
from services.logging.ingest.store_counts import (
    add_buckets,
    cover_counts,
)
from services.logging.ingest.store_refused import add_refused, workspace_horizons
from services.logging.ingest.store_rows import insert_rows, known_events
from services.logging.ingest.store_usage import add_usage_of_keys, add_usage_of_site
from services.logging.ingest.usage_adding import add_up
from services.logging.partitions.covering import Partitions
from services.logging.partitions.spans import LOGS, USAGE_HOURLY
from services.logging.rows.rows import LogRow
from shared.events.requests import Outcome
from shared.postgres.retrying import Connection

_INTERRUPTED: Final = Outcome.INTERRUPTED.value


class SlottedRow(NamedTuple):
    """A row, and the slot (topic and partition) that its event came through."""

    slot: int
    row: LogRow


class Beside(NamedTuple):
    """What a process keeps from batch to batch. Each has connections of its own."""

    partitions: Partitions
    series: SeriesIds
    sentences: Sentences

    @classmethod
    def over(cls, pool: asyncpg.Pool, *, partition_hours: int) -> "Beside":
        """Of a pool that has a connection beside that of the transaction."""
        return cls(
            Partitions(pool, partition_hours=partition_hours), SeriesIds(pool), Sentences(pool)
        )


class Written(NamedTuple):
    """What became of a batch's rows; those that were there already are in neither."""

    new: int
    refused: int


class Batch:
    """The rows of one transaction: `begin`, `write` each part, `finish`; the caller commits."""

    def __init__(self, connection: Connection, beside: Beside) -> None:
        self._connection = connection
        self._beside = beside
        self._state = gate.State(0, 0, 0, 0)
        self._horizons = Horizons(0, {})
        self._seen: set[str] = set()
        self._locked: set[int] = set()
        self._new: dict[int, list[LogRow]] = defaultdict(list)
        self._refused: dict[int, list[LogRow]] = defaultdict(list)
        self._interrupted: list[SlottedRow] = []

    async def begin(self) -> None:
        """Enter the gate."""
        await look_up_by_index(self._connection)
        self._state = await gate.enter(self._connection)
        self._beside.series.of_epoch(self._state.epoch)
        workspaces = await workspace_horizons(self._connection)
        self._horizons = Horizons(self._state.refuse_before, workspaces)

    async def write(self, rows: Sequence[SlottedRow]) -> None:
        """Write one part. What was in an earlier one, or is in the table, is passed over."""
        wanted: list[SlottedRow] = []
        for each in rows:
            slot, row = each
            if row.event_id in self._seen:
                continue
            self._seen.add(row.event_id)
            if self._horizons.refuses(row):
                self._refused[slot].append(row)
            elif row.outcome == _INTERRUPTED:
                self._interrupted.append(each)
            else:
                wanted.append(each)
        await self._insert(wanted)

    async def finish(self) -> Written:
        """Write what was put off, and add up what was new."""
        await self._insert(await self._not_known(self._interrupted))
        new = [row for rows in self._new.values() for row in rows]
        await self._add(new)
        return Written(len(new), sum(map(len, self._refused.values())))

    async def _see_to_times(self, rows: Sequence[LogRow]) -> None:
        created = {row.created_at // Grain.HOUR * Grain.HOUR for row in rows}
        returned = {row.bucket_at for row in rows if row.bucket_at is not None}
        await self._beside.partitions.cover(LOGS, created)
        hours = created | {at // Grain.HOUR * Grain.HOUR for at in returned}
        await gate.lock_hours(self._connection, hours - self._locked)
        self._locked |= hours

    async def _not_known(self, rows: Sequence[SlottedRow]) -> Sequence[SlottedRow]:
        """Of interrupted requests: they may be told of twice with two times, so in two partitions.

        All are looked for at once, since that looks into every partition.
        """
        if not rows:
            return rows
        known = await known_events(self._connection, [row.event_id for _, row in rows])
        return [each for each in rows if each.row.event_id not in known] if known else rows

    async def _insert(self, rows: Sequence[SlottedRow]) -> None:
        wanted = [row for _, row in rows]
        await self._see_to_times(wanted)
        slots = {row.event_id: slot for slot, row in rows}
        for row in await insert_rows(self._connection, wanted):
            self._new[slots[row.event_id]].append(row)

    async def _add(self, new: Sequence[LogRow]) -> None:
        connection, beside, state = self._connection, self._beside, self._state
        # Whoever reads is let on between the steps: each takes milliseconds.
        sums = sum_by_key(new)
        await asyncio.sleep(0)
        families = await beside.series.families(sums)
        few, everybody = spread_out(
            sums,
            families,
            minutes_from=state.minutes_from,
            seconds_from=state.seconds_from,
        )
        await asyncio.sleep(0)
        used = add_up(new)
        await asyncio.sleep(0)
        await beside.sentences.keep(row.content for row in new if row.group)
        await cover_counts(few, beside.partitions)
        await beside.partitions.cover(USAGE_HOURLY, {hour for _, hour in used})

        for grain, buckets in few.items():
            await add_buckets(connection, grain, buckets)
        await add_usage_of_keys(connection, used)
        await put_checks(connection, {slot: sum_up(rows) for slot, rows in self._new.items()})
        await add_refused(connection, {s: count_refused(rows) for s, rows in self._refused.items()})
        await add_usage_of_site(connection, used)
        for grain, buckets in everybody.items():
            await add_buckets(connection, grain, buckets)
