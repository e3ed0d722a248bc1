"""kill -9 of one of two billings while every request has to ask: a balance that is nearly spent.

Rich accounts are decided in memory. This one can pay for a few requests more at any time, so that
four relays fight for each hold of it, and whoever answers them dies.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.operator import MODEL, Customer, Operator
from tests.integration.kafka.waiting import until

# gpt-4o-mini: model ratio 0.075, completion ratio 4, group ratio 1.
_MAX_TOKENS = 1000
_CLIENTS = 24
_HOLDS_A_TOP_UP = 6
_SIMULATE = {"delay_ms": 100, "completion_tokens": _MAX_TOKENS}
_BODY = json.dumps(
    {
        "model": MODEL,
        "max_tokens": _MAX_TOKENS,
        "messages": [
            {
                "role": "user",
                "content": f"[[simulate {json.dumps(_SIMULATE)}]]",
            }
        ],
    }
).encode()
_HOLD = ((len(_BODY) + 4 * _MAX_TOKENS) * 75 + 500) // 1000
_LOWEST = """
SELECT min(balance_after_units), sum(excess_units)::bigint, count(*) FILTER (WHERE kind = 'charge')
FROM billing.ledger_entries WHERE workspace_id = $1
"""


@dataclass
class _Got:
    statuses: Counter[int] = field(default_factory=Counter)
    whole: set[str] = field(default_factory=set)


async def _ask(stack: Stack, customer: Customer, got: _Got) -> None:
    """Clients that ask again at once, whatever they were told."""
    headers = {"Authorization": f"Bearer {customer.api_key}", "Content-Type": "application/json"}

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        url = stack.relay_url(number % 4) + "/v1/chat/completions"
        while True:
            async with http.post(url, data=_BODY, headers=headers) as response:
                await response.read()
                got.statuses[response.status] += 1
                if response.status == 200:
                    got.whole.add(response.headers["x-request-id"])
                else:
                    await asyncio.sleep(0.02)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http, number) for number in range(_CLIENTS)))


async def test_a_nearly_spent_balance_is_never_overrun_while_one_billing_is_killed(
    drill_stack: Stack, operator: Operator
) -> None:
    customer = await operator.customer(quota_units=_HOLDS_A_TOP_UP * _HOLD)
    got = _Got()
    asking = asyncio.create_task(_ask(drill_stack, customer, got))
    topped_up = 0

    async def served_more(more: int) -> None:
        """Until so many more are served, with top-ups that never pay for all who ask."""
        nonlocal topped_up
        wanted = len(got.whole) + more
        async with asyncio.timeout(90):
            while len(got.whole) < wanted:
                topped_up += 1
                units = _HOLDS_A_TOP_UP * _HOLD
                key = f"strict-{customer.workspace_id}-{topped_up}"
                await operator.top_up(customer.workspace_id, units, key=key)
                await asyncio.sleep(0.05)

    try:
        await served_more(20)
        for name in ("billing-0", "billing-1", "billing-0"):
            await drill_stack.kill(name)
            refused = got.statuses.total()

            async def went_on(refused: int = refused) -> bool:
                return got.statuses.total() > refused + 20

            await until(went_on, "clients go on asking")
            await drill_stack.start_process(name)
            await drill_stack.wait_ready(name)
            await served_more(20)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    assert set(got.statuses) <= {200, 403, 429, 503}, got.statuses
    assert got.statuses[403] + got.statuses[429] > 20, "nobody had to wait: not the strict path"
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=got.whole)
    assert_exactly_once(counted, got.whole, in_flight=_CLIENTS)
    connection = await asyncpg.connect(drill_stack.dsn("superuser"))
    try:
        (row,) = await connection.fetch(_LOWEST, customer.workspace_id)
        lowest, excess, charges = row
    finally:
        await connection.close()
    assert charges >= len(got.whole)
    assert excess == 0, "holds are upper bounds: none was exceeded here"
    assert lowest >= 0, "the balance was overrun"
    for arguments in ((), ("--report",)):
        code, output = await reconcile(drill_stack, *arguments)
        assert code == 0, output
