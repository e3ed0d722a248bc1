"""Waiting until everything that was served is published, charged and logged."""

from functools import partial
from typing import Final

import aiohttp
import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.stack import Stack
from operations.bench.waiting import wait_until
from shared.events.catalog import RELAY_REQUESTS

_POLL_S: Final = 0.02
COMPLETED: Final = "ledgerline_relay_requests_total"
_PUBLISHED: Final = "ledgerline_relay_events_published_total"
_APPLIED: Final = """
SELECT coalesce(sum(next_offset), 0)::bigint FROM {service}.consumer_watermarks WHERE topic = $1
"""


async def applied_count(connection: asyncpg.Connection, service: str) -> int:
    """How many records of `relay.requests` a consumer's watermarks are past."""
    query = _APPLIED.format(service=service)
    return int(await connection.fetchval(query, RELAY_REQUESTS.name))


async def wait_until_taken_in(connection: asyncpg.Connection, service: str, count: int) -> int:
    """Wait until so many records are applied; answers how many there then are."""
    applied = 0

    async def is_reached() -> bool:
        nonlocal applied
        applied = await applied_count(connection, service)
        return applied >= count

    await wait_until(is_reached, poll_s=_POLL_S)
    return applied


async def wait_until_applied(stack: Stack) -> None:
    """Wait for the relay's publisher, billing and logging. Raises TimeoutError after 2 minutes."""
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        async with aiohttp.ClientSession() as http:
            await wait_until(partial(_is_applied, stack, http, connection))
    finally:
        await connection.close()


async def _is_applied(
    stack: Stack, http: aiohttp.ClientSession, connection: asyncpg.Connection
) -> bool:
    sums = await relay_totals(stack, http)
    published = sums.get(_PUBLISHED, 0)
    if published < sums.get(COMPLETED, 0):
        return False
    applied = [await applied_count(connection, service) for service in ("billing", "logging")]
    return min(applied) >= published


async def relay_totals(stack: Stack, http: aiohttp.ClientSession) -> dict[str, float]:
    """The relay's metrics by name, each summed over its labels."""
    async with http.get(f"{stack.internal_url('relay')}/metrics") as response:
        text = await response.text()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums
