"""Counting afterwards: what the topics, the ledger and the log say of every request."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import RELAY_REQUESTS
from shared.kafka.records import Partition, Record
from shared.kafka.spans import Span, SpanReader, SpanUnavailableError
from tests.gateway.catching_up import DEADLINE_S, LOOK_S, applied, quiet

_CHARGES = """
SELECT cause, amount_units FROM billing.ledger_entries WHERE kind = 'charge' AND workspace_id = $1
"""
_ROWS = "SELECT event_id FROM logging.logs WHERE type IN (2, 4) AND workspace_id = $1"


@dataclass
class Counted:
    """What everybody says, by request id."""

    events: dict[str, dict[str, Any]]
    repeats: Counter[str]
    """How often each id is on the topic."""
    charges: Counter[str] = field(default_factory=Counter)
    charged_units: dict[str, int] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)

    def succeeded(self) -> set[str]:
        return {i for i, e in self.events.items() if e["outcome"] == "succeeded"}


async def events_of(stack: Stack, *, workspace_id: int) -> dict[str, dict[str, Any]]:
    """What is on the topic now of one workspace's requests, by id; others need not have read it."""
    return (await _published(stack, workspace_id, frozenset())).events


async def count(stack: Stack, *, workspace_id: int, of: Collection[str] = ()) -> Counted:
    """What is said of one workspace's requests, once all consumers have caught up.

    A relay publishes after it has answered. So the events of the requests `of` are waited for; or,
    where none are named, for all that there is. What comes later is not counted, so that all that
    is counted has been applied.
    """
    if not of:
        await quiet(stack)
    counted = await _published(stack, workspace_id, frozenset(of))
    await applied(stack)
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        for row in await connection.fetch(_CHARGES, workspace_id):
            request_id = row["cause"].removeprefix("request:")
            counted.charges[request_id] += 1
            counted.charged_units[request_id] = -row["amount_units"]
        for row in await connection.fetch(_ROWS, workspace_id):
            counted.rows[str(row["event_id"])] += 1
    finally:
        await connection.close()
    return counted


async def _published(stack: Stack, workspace_id: int, of: frozenset[str]) -> Counted:
    """Read the topic until the events of all these requests are on it, or the time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_S
    while True:
        try:
            return await _read_requests(stack, workspace_id, of, deadline)
        except SpanUnavailableError:  # Kafka was only just started again
            if loop.time() > deadline:
                raise
        await asyncio.sleep(LOOK_S)


async def _read_requests(
    stack: Stack, workspace_id: int, of: frozenset[str], deadline: float
) -> Counted:
    counted = Counted({}, Counter())
    read_to: dict[Partition, int] = {}
    key = b"%d" % workspace_id
    async with SpanReader(bootstrap=stack.kafka_bootstrap, client_id="counting") as reader:
        while True:
            spans = {
                partition: Span(read_to.get(partition, held.begin), held.end)
                for partition, held in (await reader.held(RELAY_REQUESTS.name)).items()
            }
            async for record in reader.records(spans):
                if record.key == key:
                    _take(record, counted)
            read_to = {partition: span.end for partition, span in spans.items()}
            if of <= counted.events.keys() or asyncio.get_running_loop().time() > deadline:
                return counted
            await asyncio.sleep(LOOK_S)


def _take(record: Record, counted: Counted) -> None:
    assert record.value is not None
    request_id = record.headers["ce_id"].decode()
    event = json.loads(record.value)
    assert event["request_id"] == request_id
    counted.repeats[request_id] += 1
    counted.events[request_id] = event


def assert_exactly_once(counted: Counted, whole: set[str], *, in_flight: int) -> None:
    """The promise: see I1 and I2 of the design.

    `whole` are the ids of the answers that clients got to the last byte; `in_flight` is how many
    clients had no whole answer when something was killed.
    """
    missing = whole - counted.events.keys()
    assert not missing, f"{len(missing)} whole answers have no event: {sorted(missing)[:5]}"
    uncharged = {i for i in whole if counted.charges[i] != 1}
    assert not uncharged, f"not charged exactly once: {sorted(uncharged)[:5]}"
    assert max(counted.charges.values(), default=0) <= 1
    assert max(counted.rows.values(), default=0) <= 1
    for request_id, event in counted.events.items():
        assert counted.rows[request_id] == 1, f"{request_id} has no log row"
        has_entry = event["outcome"] == "succeeded" or event["quota"] > 0
        assert counted.charges[request_id] == int(has_entry), request_id
        if has_entry:
            assert counted.charged_units[request_id] == event["quota"], request_id
    extra = counted.succeeded() - whole
    assert len(extra) <= in_flight, f"{len(extra)} charged that no client got whole"


async def reconcile(stack: Stack, *arguments: str) -> tuple[int, str]:
    """The command's exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "operations.reconcile",
        "--kafka",
        stack.kafka_bootstrap,
        "--postgres-dsn",
        stack.dsn("reconcile"),
        *("--settle-s", str(DEADLINE_S)),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
