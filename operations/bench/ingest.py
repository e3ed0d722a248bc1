"""How many events a second `billing` and `logging` take in: the topic first, then the service."""

from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Final

import asyncpg

from deploy.local.stack import Stack
from operations.bench.figures import cpu_s, rss_mib
from operations.bench.made_events import made_records
from operations.bench.plan import Plan
from operations.bench.settling import applied_count, wait_until_taken_in
from operations.bench.waiting import wait_until
from shared.kafka.producer import IdempotentProducer

_BATCH: Final = 5_000
_POLL_S: Final = 0.02
_OUTBOX: Final = "SELECT EXISTS (SELECT 1 FROM billing.event_outbox)"


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """One service's figures."""

    events: int
    events_per_s: float
    """From the first batch that was seen committed to the last one."""
    start_s: float
    """From the start of the process to that first batch."""
    cpu_us_per_event: float
    """Of the service's own process, its start left out."""
    database_cpu_us_per_event: float
    rss_mib: float
    published_events_per_s: float | None
    """The same until what it publishes itself is out too, where it publishes."""


async def measure_ingest(stack: Stack, plan: Plan) -> dict[str, Ingest]:
    """On a stack with only its infrastructure up. `logging` first: it reads billing's topic too."""
    await fill(stack, plan)
    return {
        service: await take_in(stack, service, plan.ingest_events)
        for service in ("logging", "billing")
    }


async def fill(stack: Stack, plan: Plan) -> None:
    """Send the plan's events to the topic. Raises SendError."""
    records = made_records(plan.ingest_events, workspaces=plan.workspaces)
    async with IdempotentProducer(bootstrap=stack.kafka_bootstrap, client_id="bench") as producer:
        while batch := list(islice(records, _BATCH)):
            await producer.send_all(batch)


async def migrate(stack: Stack, service: str) -> None:
    """Make the service's tables. Raises ProcessFailedError."""
    await stack.programs.run(
        f"{service}-migrate",
        f"services.{service}",
        "migrate",
        environment=stack.service_environment(service),
    )


async def take_in(stack: Stack, service: str, events: int) -> Ingest:
    """Start a service and measure until it took in so many more, which are on the topic."""
    await migrate(stack, service)
    process, database = stack.process(f"{service}-0"), stack.process("postgres")
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        before = await applied_count(connection, service)
        begun = monotonic()
        await process.start()
        first = await wait_until_taken_in(connection, service, before + 1)
        first_at, cpu, database_cpu = monotonic(), cpu_s(process.pid), cpu_s(database.pid)
        await wait_until_taken_in(connection, service, before + events)
        last_at = monotonic()
        taken, took_s = before + events - first, last_at - first_at
        cpu, database_cpu = cpu_s(process.pid) - cpu, cpu_s(database.pid) - database_cpu
        return Ingest(
            events=events,
            events_per_s=taken / took_s,
            start_s=first_at - begun,
            cpu_us_per_event=cpu * 1e6 / taken,
            database_cpu_us_per_event=database_cpu * 1e6 / taken,
            rss_mib=rss_mib(process.pid),
            published_events_per_s=(
                taken / (await _published(connection) - first_at) if service == "billing" else None
            ),
        )
    finally:
        await connection.close()
        await process.stop()


async def _published(connection: asyncpg.Connection) -> float:
    async def is_empty() -> bool:
        return not await connection.fetchval(_OUTBOX)

    await wait_until(is_empty, poll_s=_POLL_S)
    return monotonic()
