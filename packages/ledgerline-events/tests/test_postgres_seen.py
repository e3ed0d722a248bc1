"""The same in PostgreSQL, also where two read the same at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledgerline_events import PostgresSeen
from made import made_event, made_id

pytestmark = pytest.mark.servers
_NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
async def connection(postgresql: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(postgresql)
    await opened.execute("DROP TABLE IF EXISTS ledgerline_seen")
    await PostgresSeen(opened).create()
    yield opened
    await opened.close()


async def test_an_event_is_new_once(connection: asyncpg.Connection) -> None:
    seen = PostgresSeen(connection)
    b, a, elsewhere = made_event("b"), made_event("a"), made_event("a", topic="billing.ledger")
    async with connection.transaction():
        assert await seen.new_of([b, a, b, elsewhere, a]) == [b, a, elsewhere]
        assert await seen.new_of([]) == []
    assert await seen.new_of([a, b, c := made_event("c")]) == [c]


async def test_what_was_rolled_back_was_not_seen(connection: asyncpg.Connection) -> None:
    seen, event = PostgresSeen(connection), made_event("a")
    transaction = connection.transaction()
    await transaction.start()
    assert await seen.new_of([event]) == [event]
    await transaction.rollback()
    assert await seen.new_of([event]) == [event]


async def test_of_two_readers_one_counts(connection: asyncpg.Connection, postgresql: str) -> None:
    events = [made_event(f"{number:03}") for number in range(200)]
    other = await asyncpg.connect(postgresql)
    try:

        async def read(reader: asyncpg.Connection, order: int) -> int:
            async with reader.transaction():
                return len(await PostgresSeen(reader).new_of(events[::order]))

        async with asyncio.timeout(30):
            counted = await asyncio.gather(read(connection, 1), read(other, -1))
        assert sorted(counted) == [0, len(events)]
    finally:
        await other.close()


async def test_what_is_too_old_to_come_again_is_forgotten(connection: asyncpg.Connection) -> None:
    seen = PostgresSeen(connection)
    old, kept = made_event(made_id(_NOON - timedelta(milliseconds=1))), made_event(made_id(_NOON))
    await seen.new_of([old, kept])
    assert await seen.forget_before(_NOON) == 1
    assert await seen.new_of([old, kept]) == [old]
