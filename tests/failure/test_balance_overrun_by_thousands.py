"""4,000 concurrent requests, through four relays, on an account and on a key for 1,000 (promise 2).

Whoever is told to try again does, until the quota itself is short.
"""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import pytest

from deploy.local.stack import Stack
from tests.gateway.catching_up import caught_up
from tests.gateway.counting import assert_exactly_once, count, reconcile
from tests.gateway.key_quota import limit_key
from tests.gateway.operator import MODEL, Customer, Operator

_REQUESTS = 4000
_PAID_FOR = 1000
_MAX_TOKENS = 1000
_RICH = 10**9
_DEADLINE_S = 240
_RECOVERED_S = 30
_TRY_AGAIN = {429, 503}
"""Others hold what it needs; or a machine this busy has not answered the relay in time."""
_ACCOUNT = """
SELECT balance_units AS balance, held_units AS held, uncharged_units AS uncharged
FROM billing.accounts WHERE workspace_id = $1
"""
_KEY = """
SELECT limit_units - used_quota AS balance, held_units AS held, uncharged_units AS uncharged
FROM billing.token_usage WHERE key_id = $1
"""


def _body(number: int) -> bytes:
    """The provider takes 300 to 499 ms, and returns all that it may."""
    simulate = {"delay_ms": 300 + number % 200, "completion_tokens": _MAX_TOKENS}
    content = f"[[simulate {json.dumps(simulate)}]]"
    body = {
        "model": MODEL,
        "max_tokens": _MAX_TOKENS,
        "messages": [{"role": "user", "content": content}],
    }
    return json.dumps(body).encode()


@dataclass
class _Storm:
    """What the clients got."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Of the last answer to each client."""
    whole: set[str] = field(default_factory=set)
    waited: int = 0
    """How often a client was told to try again."""


async def _ask_until_told(stack: Stack, customer: Customer, *, requests: int) -> _Storm:
    storm = _Storm()
    headers = {"Authorization": f"Bearer {customer.api_key}", "Content-Type": "application/json"}

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        url = stack.relay_url(number % 4) + "/v1/chat/completions"
        while True:
            async with http.post(url, data=_body(number)) as response:
                await response.read()
                if response.status in _TRY_AGAIN:
                    storm.waited += 1
                    await asyncio.sleep(int(response.headers["Retry-After"]))
                    continue
                storm.statuses[response.status] += 1
                if response.status == 200:
                    storm.whole.add(response.headers["x-request-id"])
                return

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    async with (
        asyncio.timeout(_DEADLINE_S),
        aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as http,
    ):
        await asyncio.gather(*(one(http, number) for number in range(requests)))
    return storm


@dataclass(frozen=True)
class _Subject:
    """What can pay for 1,000."""

    stack: Stack
    query: str
    subject_id: int

    async def figures(self) -> tuple[int, int, int]:
        """What is left of it, what is held of that, and what is used and not charged yet."""
        connection = await asyncpg.connect(self.stack.dsn("superuser"))
        try:
            row = await connection.fetchrow(self.query, self.subject_id)
        finally:
            await connection.close()
        assert row is not None
        return row["balance"], row["held"], row["uncharged"]

    async def comes_to(self, *expected: int) -> None:
        """What a relay could not close as it stopped, its next start closes from the journal."""
        try:
            async with asyncio.timeout(_RECOVERED_S):
                while await self.figures() != expected:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            assert await self.figures() == expected  # which says what it is

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[list[int]]:
        """What nobody holds of it, every twentieth of a second."""
        free: list[int] = []

        async def watch() -> None:
            while True:
                balance, held, _ = await self.figures()
                free.append(balance - held)
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(watch())
        try:
            yield free
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize("of", ["account", "key"])
async def test_four_thousand_at_once_cannot_overrun_what_pays_for_a_thousand(
    drill_stack: Stack, operator: Operator, of: str
) -> None:
    customer = await operator.customer(quota_units=_RICH)
    (asked,) = (await _ask_until_told(drill_stack, customer, requests=1)).whole
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of={asked})
    first = counted.events[asked]
    charge, hold = first["quota"], first["hold_quota"]
    assert 0 < charge <= hold
    # The last of a thousand needs its whole hold; what it leaves of that pays for no other.
    pays_for_them = (_PAID_FOR - 1) * charge + hold
    if of == "key":
        subject = _Subject(drill_stack, _KEY, customer.key_id)
        await limit_key(drill_stack, customer, remain_units=pays_for_them)
    else:
        customer = await operator.customer(quota_units=pays_for_them)
        subject = _Subject(drill_stack, _ACCOUNT, customer.workspace_id)

    async with subject.watched() as free:
        storm = await _ask_until_told(drill_stack, customer, requests=_REQUESTS)

    assert storm.statuses == {200: _PAID_FOR, 403: _REQUESTS - _PAID_FOR}, storm.waited
    assert min(free) >= 0, "more was held than there was"
    counted = await count(drill_stack, workspace_id=customer.workspace_id, of=storm.whole)
    mine = storm.whole | ({asked} if of == "key" else set())
    assert_exactly_once(counted, mine, in_flight=0)
    served = [counted.events[i] for i in storm.whole]
    assert {event["quota"] for event in served} == {charge}
    leased = {"account"} | {of}
    assert all({u["subject"].split(":")[0] for u in e["leases"]} == leased for e in served)

    await _stop_and_start_relays(drill_stack)
    await subject.comes_to(pays_for_them - _PAID_FOR * charge, 0, 0)
    code, output = await reconcile(drill_stack)
    assert code == 0, output


async def _stop_and_start_relays(stack: Stack) -> None:
    """Stopped in order they close their leases: what is held then is held by nobody."""
    names = [f"relay-{number}" for number in range(4)]
    for name in names:
        stack.process(name).kill(signal.SIGTERM)
    for name in names:
        async with asyncio.timeout(60):
            assert await stack.process(name).wait() == 0
    await caught_up(stack)
    for name in names:
        await stack.start_process(name)
    for name in names:
        await stack.wait_ready(name)
