"""The example for internal teams reads the real topic, and counts each request once."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

_EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "events" / "example_consumer.py"


async def consume(stack: Stack, database: Path, *, group: str) -> str:
    """Run it as a person does, until nothing more comes; answers what it printed."""
    told = {"--bootstrap": stack.kafka_bootstrap, "--database": str(database), "--group": group}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(_EXAMPLE), "--stop-after-idle-s", "3"),
        *(part for option in told.items() for part in option),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


def counted(database: Path) -> tuple[Any, ...]:
    """Requests, tokens and quota, over all models."""
    query = "SELECT sum(requests), sum(tokens), sum(quota_units) FROM usage"
    with closing(sqlite3.connect(database)) as opened:
        row: tuple[Any, ...] = opened.execute(query).fetchone()
        return row


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


async def test_what_is_delivered_twice_is_counted_once(
    stack: Stack, customer: Customer, tmp_path: Path
) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=customer.api_key, max_retries=0
    ) as client:
        answers = [
            await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "hello"}],
                extra_headers={"X-Ledgerline-Tags": "team=search, env=prod"},
            )
            for _ in range(3)
        ]
    ids = {str(answer._request_id) for answer in answers}
    known = await count(stack, workspace_id=customer.workspace_id, of=ids)
    assert [event["tags"] for event in known.events.values()] == [
        {"team": "search", "env": "prod"}
    ] * 3
    database = tmp_path / "usage.db"

    printed = await consume(stack, database, group=f"example-{customer.user_id}")

    assert f"{MODEL}: " in printed
    first = counted(database)
    assert first[0] >= 3
    assert first[2] >= sum(event["quota"] for event in known.events.values())

    # A group that has read nothing yet gets everything again.
    await consume(stack, database, group=f"example-{customer.user_id}-again")
    again = counted(database)
    with closing(sqlite3.connect(database)) as opened:
        (seen,) = opened.execute("SELECT count(*) FROM seen").fetchone()
    assert again[0] == seen, "a request was counted twice"
    assert again >= first
