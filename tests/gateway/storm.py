"""Many requests at once, through all relays, and what each was answered."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.operator import MODEL, Customer

_DEADLINE_S: Final = 60.0


@dataclass
class Stormed:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    whole: set[str] = field(default_factory=set)
    """Ids of answers of status 200."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of the refusals with 429."""


def body(*, simulate: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A chat completion's request; `simulate` is what the provider shall do."""
    content = f"[[simulate {json.dumps(simulate)}]]" if simulate else "hello"
    asked = {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}
    return json.dumps(asked).encode()


async def warm(stack: Stack, customer: Customer) -> set[str]:
    """Have each relay answer one; their ids. In a storm it then need not ask who pays."""
    answered: set[str] = set()
    headers = {"Authorization": f"Bearer {customer.api_key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as http, asyncio.timeout(_DEADLINE_S):
        for relay in range(stack.spec.relays):
            while True:
                url = f"{stack.relay_url(relay)}/v1/chat/completions"
                async with http.post(url, data=body(max_tokens=16)) as response:
                    await response.read()
                    if response.status == 200:
                        answered.add(response.headers["x-request-id"])
                        break
                await asyncio.sleep(0.05)
    return answered


async def storm(
    stack: Stack, customer: Customer, data: bytes, *, count: int, relays: Sequence[int] = ()
) -> Stormed:
    """`count` at once, by turns through these relays, or all."""
    stormed = Stormed()
    turns = relays or range(stack.spec.relays)
    headers = {"Authorization": f"Bearer {customer.api_key}", "Content-Type": "application/json"}

    async def one(http: aiohttp.ClientSession, number: int) -> None:
        url = stack.relay_url(turns[number % len(turns)]) + "/v1/chat/completions"
        async with http.post(url, data=data, headers=headers) as response:
            await response.read()
            stormed.statuses[response.status] += 1
            if response.status == 200:
                stormed.whole.add(response.headers["x-request-id"])
            elif response.status == 429:
                stormed.headers.append({k.lower(): v for k, v in response.headers.items()})

    timeout = aiohttp.ClientTimeout(total=90)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        await asyncio.gather(*(one(http, number) for number in range(count)))
    return stormed
