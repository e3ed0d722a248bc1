"""The example for teams: what each spent, by the topics, is what the ledger says, to the unit."""

import asyncio
from pathlib import Path
from typing import Final

import asyncpg
import openai
import pytest

from deploy.local.stack import Stack
from tests.clean_environment import NEEDS_TIME, PACKAGE, run
from tests.gateway.operator import MODEL, Customer, Operator

_EXAMPLE: Final = PACKAGE / "examples" / "spend_per_team.py"
_DEADLINE_S: Final = 90
_SPENT: Final = """
SELECT cause, -amount_units AS spent, refers_to_entry_id, entry_id FROM billing.ledger_entries
WHERE workspace_id = $1 AND (kind = 'charge' OR refers_to_entry_id IS NOT NULL)
"""


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=5_000_000)


async def _ask(client: openai.AsyncOpenAI, tags: str | None) -> str:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "hello"}],
        extra_headers={"X-Ledgerline-Tags": tags} if tags else {},
    )
    return str(answer._request_id)


async def _ledger(stack: Stack, workspace_id: int) -> dict[str, int]:
    """What each request's charge came to, after what was given back of it."""
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        rows = await connection.fetch(_SPENT, workspace_id)
    finally:
        await connection.close()
    requests = {
        row["entry_id"]: row["cause"].removeprefix("request:")
        for row in rows
        if row["refers_to_entry_id"] is None
    }
    spent = dict.fromkeys(requests.values(), 0)
    for row in rows:
        spent[requests[row["refers_to_entry_id"] or row["entry_id"]]] += row["spent"]
    return spent


async def _report(
    python: Path, stack: Stack, database: Path, workspace_id: int
) -> dict[str, tuple[int, int]]:
    """Requests and quota units by team."""
    printed = await run(
        *(python, "-P", _EXAMPLE, "--bootstrap", stack.kafka_bootstrap, "--database", database)
    )
    lines = [line.split("\t") for line in printed.splitlines()]
    return {line[1]: (int(line[2]), int(line[3])) for line in lines if line[0] == str(workspace_id)}


@NEEDS_TIME
async def test_what_each_team_has_spent_is_what_the_ledger_says(
    stack: Stack, operator: Operator, customer: Customer, clean_python: Path, tmp_path: Path
) -> None:
    """With a refund; read again and again, since what is published comes a moment later."""
    async with openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=customer.api_key, max_retries=0
    ) as client:
        search = [await _ask(client, "team=search, env=prod") for _ in range(3)]
        ads = [await _ask(client, "team=ads") for _ in range(2)]
        nobodys = await _ask(client, None)
    requests = {*search, *ads, nobodys}
    database = tmp_path / "spend.db"
    refund = {"request_id": ads[0], "quota_units": 1, "idempotency_key": nobodys, "reason": "test"}

    async with asyncio.timeout(_DEADLINE_S):
        while (await _ledger(stack, customer.workspace_id)).keys() < requests:
            await asyncio.sleep(0.1)
        await operator.call("POST", "/api/billing/refunds", refund)
        ledger = await _ledger(stack, customer.workspace_id)
        assert ledger.keys() == requests
        assert ledger[ads[0]] == ledger[ads[1]] - 1
        expected = {
            "search": (3, sum(ledger[each] for each in search)),
            "ads": (2, sum(ledger[each] for each in ads)),
            f"workspace {customer.workspace_id}": (1, ledger[nobodys]),
        }
        told: dict[str, tuple[int, int]] = {}
        while told != expected:
            told = await _report(clean_python, stack, database, customer.workspace_id)
    assert sum(units for _, units in told.values()) == sum(ledger.values()) > 0
    assert await _report(clean_python, stack, database, customer.workspace_id) == expected, (
        "what was delivered again was counted again"
    )
