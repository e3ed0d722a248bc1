"""How long `reconcile --report` takes, and how much memory, for a day of very many requests."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import Final

import asyncpg
import psutil

from deploy.local.environment import REPOSITORY, program_environment
from deploy.local.stack import Stack
from operations.bench.figures import cpu_s, peak_rss_mib
from operations.bench.ingest import migrate
from operations.bench.made_events import made_records
from operations.bench.past_requests import (
    DAY,
    ENTRIES,
    LOG_ROWS,
    PARTITIONS,
    SUMS,
    PastDay,
    past_records,
)
from operations.bench.table import row, verdict
from services.billing.charging.chargeable import Charge, read_charge
from shared.events.catalog import RELAY_REQUESTS
from shared.kafka.producer import IdempotentProducer
from shared.kafka.spans import SpanReader

_BATCH: Final = 5_000
_SLICE: Final = 200_000
_LOOK_S: Final = 0.1
_AT_TEN_MILLION_S: Final = 600
_WATERMARK: Final = """
INSERT INTO {schema}.consumer_watermarks (consumer_group, topic, partition, next_offset)
VALUES ('{schema}', $1, $2, $3)
"""


@dataclass(frozen=True, kw_only=True)
class HourlyReport:
    """What one run of the command took."""

    requests: int
    took_s: float
    cpu_s: float
    """Of the command's own process."""
    database_cpu_s: float
    peak_rss_mib: float

    @property
    def at_ten_million_s(self) -> float:
        """As long for each request."""
        return self.took_s * 10_000_000 / self.requests


async def measure_report(stack: Stack, *, requests: int, workspaces: int) -> HourlyReport:
    """On a stack with only its infrastructure up. Raises RuntimeError where it finds a gap."""
    day = PastDay(requests=requests, workspaces=workspaces, begins_at=datetime.now(UTC) - DAY)
    for service in ("billing", "logging"):
        await migrate(stack, service)
    await _publish(stack, day)
    await _fill(stack, day)
    return await _run(stack, requests)


def report_lines(found: HourlyReport) -> Iterator[str]:
    """The figures beside what they are to be."""
    yield row("", "", "at most")
    yield row("the report (s)", found.took_s)
    yield row("  its CPU (s)", found.cpu_s)
    yield row("  PostgreSQL's CPU (s)", found.database_cpu_s)
    yield row("  memory, the most (MiB)", found.peak_rss_mib)
    said = verdict(met=found.at_ten_million_s <= _AT_TEN_MILLION_S)
    yield row("  at ten million (s)", found.at_ten_million_s, _AT_TEN_MILLION_S, said)


async def _publish(stack: Stack, day: PastDay) -> None:
    records = past_records(day)
    async with IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="bench") as producer:
        while batch := list(islice(records, _BATCH)):
            await producer.send_all(batch)


async def fill_tables(connection: asyncpg.Connection, day: PastDay) -> None:
    """Write the day's entries and log rows, and what follows from them, as the superuser."""
    (made,) = made_records(1, workspaces=1)
    charge = read_charge(made.value or b"")
    if not isinstance(charge, Charge):
        raise TypeError("what succeeded is charged")
    texts = {ENTRIES: charge.detail.decode(), LOG_ROWS: charge.rating.decode()}
    ends_at = day.begins_at + day.requests * day.step
    await connection.execute(PARTITIONS, day.begins_at, ends_at)
    for statement, text in texts.items():
        for first in range(0, day.requests, _SLICE):
            end = min(first + _SLICE, day.requests)
            await connection.execute(
                statement, first, end, day.workspaces, day.begins_at, day.step, text
            )
    for statement in SUMS:
        await connection.execute(statement)


async def _fill(stack: Stack, day: PastDay) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        await fill_tables(connection, day)
        async with SpanReader(bootstrap=stack.kafka_bootstrap, client_id="bench") as reader:
            held = await reader.held(RELAY_REQUESTS.name)
        for schema in ("billing", "logging"):
            for partition, span in held.items():
                await connection.execute(_WATERMARK.format(schema=schema), *partition, span.end)
    finally:
        await connection.close()


async def _run(stack: Stack, requests: int) -> HourlyReport:
    """The command as people run it, in a process of its own."""
    begun = monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.reconcile", "--report", "--hours", "25"),
        *("--kafka", stack.kafka_bootstrap, "--postgres-dsn", stack.dsn("reconcile")),
        cwd=REPOSITORY,
        env=program_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    answering = asyncio.create_task(process.communicate())
    database = stack.process("postgres").pid
    cpu, peak, database_cpu, database_before = 0.0, 0.0, 0.0, cpu_s(database)
    while not answering.done():
        with suppress(OSError, psutil.NoSuchProcess):
            cpu, peak = cpu_s(process.pid), peak_rss_mib(process.pid)
            # The session's own process ends with it, and is in no sum then.
            database_cpu = max(database_cpu, cpu_s(database) - database_before)
        await asyncio.wait([answering], timeout=_LOOK_S)
    told, _ = await answering
    if process.returncode != 0:
        raise RuntimeError(f"it ended with {process.returncode}: {told.decode()[-2000:]}")
    return HourlyReport(
        requests=requests,
        took_s=monotonic() - begun,
        cpu_s=cpu,
        database_cpu_s=database_cpu,
        peak_rss_mib=peak,
    )
