"""A consumer to begin from: what each model was used for, counted once however often delivered.

It needs `aiokafka` and `cloudevents`, and nothing of Ledgerline's. Usage by model goes into an
SQLite file; the events' ids are in the same transaction, so that a repeated event changes nothing,
and the offset is committed to Kafka after that transaction, so that none is lost.

    .venv/bin/python -P docs/events/example_consumer.py --bootstrap 127.0.0.1:19092 \
        --database usage.db --stop-after-idle-s 3
"""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from aiokafka import AIOKafkaConsumer
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

TOPIC = "relay.requests"
REQUEST_COMPLETED = "ledgerline.request.completed.v1"
TABLES = """
CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS usage (
    model TEXT PRIMARY KEY, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
    quota_units INTEGER NOT NULL, quota_per_unit INTEGER NOT NULL
);
"""
COUNT = """
INSERT INTO usage VALUES (?, 1, ?, ?, ?) ON CONFLICT (model) DO UPDATE SET
    requests = requests + 1, tokens = tokens + excluded.tokens,
    quota_units = quota_units + excluded.quota_units
"""


def to_event(record: Any) -> BaseCloudEvent:
    """The CloudEvent of a Kafka record: attributes from the headers, data from the JSON value."""
    return from_binary_event(
        KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
    )


def count(database: sqlite3.Connection, events: Iterable[BaseCloudEvent]) -> int:
    """Count what is new, all in one transaction; answers how many were."""
    new = 0
    with database:  # commits, or rolls back
        for event in events:
            if event.get_type() != REQUEST_COMPLETED:
                continue  # a type of a later release
            first = database.execute(
                "INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING", (event.get_id(),)
            )
            if first.rowcount == 0:
                continue  # delivered before
            data: Any = event.get_data()
            usage = data["usage"]
            tokens = usage["prompt_tokens"] + usage["completion_tokens"]
            # Null: a model that is not a configured one, such as a refused request's.
            model = data["requested_model"] or "other"
            database.execute(COUNT, (model, tokens, data["quota"], data["quota_per_unit"]))
            new += 1
    return new


async def consume(
    bootstrap: str, database: sqlite3.Connection, *, group: str, stop_after_idle_s: float | None
) -> None:
    """Count until stopped, or until nothing came for `stop_after_idle_s`."""
    database.executescript(TABLES)
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    wait_ms = 1_000 if stop_after_idle_s is None else int(stop_after_idle_s * 1_000)
    async with consumer:
        while True:
            batches = await consumer.getmany(timeout_ms=wait_ms, max_records=500)
            records = [record for batch in batches.values() for record in batch]
            if records:
                count(database, map(to_event, records))
                await consumer.commit()  # only now: what is lost before this comes again
            elif stop_after_idle_s is not None and consumer.assignment():
                return


def main() -> None:
    """Run it from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bootstrap", default="127.0.0.1:19092")
    options.add_argument("--database", default="usage.db")
    options.add_argument("--group", default="example-usage-by-model")
    options.add_argument("--stop-after-idle-s", type=float)
    told = options.parse_args()
    with closing(sqlite3.connect(told.database)) as database:
        asyncio.run(
            consume(
                told.bootstrap,
                database,
                group=told.group,
                stop_after_idle_s=told.stop_after_idle_s,
            )
        )
        for row in database.execute("SELECT * FROM usage ORDER BY quota_units DESC"):
            model, requests, tokens, quota_units, per_unit = row
            dollars = quota_units / per_unit
            sys.stdout.write(f"{model}: {requests} requests, {tokens} tokens, ${dollars:.6f}\n")


if __name__ == "__main__":
    main()
