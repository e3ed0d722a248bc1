"""Counting afterwards: what the topics, the ledger and the log say of every request."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from deploy.local.stack import Stack
from tests.gateway.catching_up import caught_up, read_topic


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
    values = [record.value for record in await read_topic(stack, "relay.requests")]
    events = [json.loads(value) for value in values if value is not None]
    return {e["request_id"]: e for e in events if e["workspace_id"] == workspace_id}


async def count(stack: Stack, *, workspace_id: int) -> Counted:
    """What is said of one workspace's requests, once all consumers have caught up."""
    await caught_up(stack)
    records = await read_topic(stack, "relay.requests")
    counted = Counted({}, Counter())
    for record in records:
        assert record.value is not None
        request_id = record.headers["ce_id"].decode()
        event = json.loads(record.value)
        assert event["request_id"] == request_id
        if event["workspace_id"] != workspace_id:
            continue
        counted.repeats[request_id] += 1
        counted.events[request_id] = event
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        for row in await connection.fetch(
            "SELECT cause, amount_units FROM billing.ledger_entries WHERE kind = 'charge'"
        ):
            request_id = row["cause"].removeprefix("request:")
            counted.charges[request_id] += 1
            counted.charged_units[request_id] = -row["amount_units"]
        for row in await connection.fetch("SELECT event_id FROM logging.logs WHERE type IN (2, 4)"):
            counted.rows[str(row["event_id"])] += 1
    finally:
        await connection.close()
    return counted


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
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
