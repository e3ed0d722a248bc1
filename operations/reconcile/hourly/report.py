"""Every hour of every workspace, as topic, ledger, logs and `quota_data` have it.

1. the ends of the topic, and wait up to `settle_s` for the consumers to be there
2. one snapshot of the tables: each party's position, and its sums by hour and workspace
3. meanwhile the topic up to the positions, added up the same way: memory an hour and workspace
4. only what differs: the topic and the tables again, request by request

It holds a snapshot for as long as it reads, and no lock: nobody waits for it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from operations.reconcile.hourly.accounts import account_rows
from operations.reconcile.hourly.closer import MAX_REQUESTS, look_closer, within_reach
from operations.reconcile.hourly.in_tables import read_tables
from operations.reconcile.hourly.judging import hour_row
from operations.reconcile.hourly.rows import Report
from operations.reconcile.hourly.sums import Bucket
from operations.reconcile.hourly.tables import HourlyTables, hour_of
from operations.reconcile.hourly.topic import LEDGER, LOGS, OnTopic, Stretch, read_sums
from operations.reconcile.positions import Marks
from operations.reconcile.reconciling import NO_TIMEOUTS, held_since, settle
from operations.reconcile.tables import Tables, watermarks
from operations.reconcile.topics import held_requests
from shared.events.catalog import RELAY_REQUESTS
from shared.kafka.records import Partition
from shared.kafka.spans import Span, SpanReader
from shared.service.clock import utc_now

_PARTIES = (LEDGER, LOGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the operator asked for."""

    hours: int = 24
    """So many whole hours back, and the running one."""
    workspace_id: int | None = None
    settle_s: float = 10.0
    most_looked_into: int = MAX_REQUESTS
    """Of the hours that differ so many requests are looked at one by one."""


async def report(*, reader: SpanReader, connection: asyncpg.Connection, asked: Asked) -> Report:
    """Compare by hour. Changes nothing. Raises what the broker and the database raise."""
    spans = await held_requests(reader)
    await settle(connection, spans, asked.settle_s)
    now = utc_now()
    since = hour_of(now - timedelta(hours=asked.hours + 1))
    cut = {partition: span for partition, span in spans.items() if span.begin > 0}
    whole_since = await held_since(reader, cut)
    is_cut = whole_since is not None and whole_since > since
    if whole_since is not None and is_cut:
        since = hour_of(whole_since)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(NO_TIMEOUTS)
        made = await _compare(reader, connection, spans, since, asked)
    made.until = now.isoformat(timespec="seconds")
    if is_cut:
        made.notes.append("of what was before that the topic no longer has all")
    return made


async def _compare(
    reader: SpanReader,
    connection: asyncpg.Connection,
    spans: Mapping[Partition, Span],
    since: datetime,
    asked: Asked,
) -> Report:
    marks = await watermarks(connection, RELAY_REQUESTS.name)
    hourly = HourlyTables(connection, since=since, workspace_id=asked.workspace_id)
    all_tables = Tables(connection)
    horizons = await all_tables.log_horizons()
    to_read = _up_to_positions(spans, marks, await held_requests(reader))
    stretch = Stretch(
        await reader.since(to_read, since), spans, marks, int(since.timestamp()), asked.workspace_id
    )
    reading = asyncio.create_task(read_sums(reader, stretch))
    try:
        tables = await read_tables(hourly, horizons)
        topic = await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    differing = {party: tables.differing(topic.by_bucket, party) for party in _PARTIES}
    near, far = within_reach(_largest(differing), asked.most_looked_into)
    closer = await look_closer(
        reader,
        stretch,
        hourly,
        {party: [bucket for bucket in near if bucket in differing[party]] for party in _PARTIES},
        horizons=tables.horizons,
    )
    return Report(
        since=since.isoformat(timespec="seconds"),
        hours=[
            hour_row(
                bucket,
                topic.by_bucket.get(bucket, OnTopic()),
                tables,
                closer,
                not_looked_into=[
                    party for party in _PARTIES if bucket in far and bucket in differing[party]
                ],
            )
            for bucket in sorted(topic.by_bucket.keys() | tables.buckets)
        ],
        accounts=await account_rows(all_tables, asked.workspace_id),
        unreadable=topic.unreadable,
        not_looked_into=sorted(far),
        notes=[*tables.horizons.notes("those hours are not compared")],
        records=topic.records,
    )


def _up_to_positions(
    spans: Mapping[Partition, Span], marks: Marks, held: Mapping[Partition, Span]
) -> dict[Partition, Span]:
    """As far as anybody has applied it, and as the topic reached at the start.

    A position beyond what is held is of a topic that lost records: what is there is read.
    """
    return {
        partition: Span(
            held[partition].begin,
            min(
                held[partition].end,
                max(span.end, *(marks.get((party, partition), 0) for party in _PARTIES)),
            ),
        )
        for partition, span in spans.items()
        if partition in held
    }


def _largest(differing: Mapping[str, Mapping[Bucket, int]]) -> dict[Bucket, int]:
    largest: dict[Bucket, int] = {}
    for counts in differing.values():
        for bucket, count in counts.items():
            largest[bucket] = max(count, largest.get(bucket, 0))
    return largest
