"""What control says of keys reaches the database, whatever is away and however often it is read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg

from services.billing.keys.key_quotas import KeyQuotas
from shared.events.directory import KeyListed
from shared.events.routing import Status
from shared.kafka.producer import IdempotentProducer
from tests.integration.billing.charges import post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import listed
from tests.integration.kafka.waiting import until

_LIMITS = "SELECT key_id, workspace_id, limit_units, quota_version FROM token_usage ORDER BY key_id"


def key(key_id: int, remain: int | None, version: int) -> KeyListed:
    return KeyListed(
        key_id=key_id,
        name="k",
        workspace_id=2,
        user_id=2,
        status=Status.ENABLED,
        unlimited_quota=remain is None,
        remain_quota=remain or 0,
        quota_version=version,
    )


async def limits(pool: asyncpg.Pool) -> list[tuple[int | None, ...]]:
    return [tuple(row) for row in await pool.fetch(_LIMITS)]


@asynccontextmanager
async def applying(pool: asyncpg.Pool) -> AsyncIterator[KeyQuotas]:
    quotas = KeyQuotas(pool)
    task = asyncio.create_task(quotas.apply_always())
    try:
        yield quotas
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is_done(quotas: KeyQuotas) -> bool:
    return quotas.waiting == 0


async def test_billing_is_ready_when_it_has_applied_what_keys_may_spend(
    start_billing: StartBilling, producer: IdempotentProducer, pool: asyncpg.Pool
) -> None:
    first = [key(201, 1000, 1), key(202, None, 0), key(203, None, 2), key(204, 5, 1)]
    await producer.send_all([listed(f"key:{event.key_id}", event) for event in first])
    mine = [(201, 2, 1000, 1), (203, 2, None, 2), (204, 2, 5, 1)]
    async with start_billing():
        assert [row for row in await limits(pool) if 201 <= (row[0] or 0) <= 204] == mine
        await post(pool, request(key=201, quota=400))
        await producer.send_all([listed("key:204", key(204, 50, 2))])

        async def is_applied() -> bool:
            return (204, 2, 50, 2) in await limits(pool)

        await until(is_applied, "the new quota is applied")
    async with start_billing():
        assert (201, 2, 1000, 1) in await limits(pool), "a restart applied a quota again"
        assert (204, 2, 50, 2) in await limits(pool)


async def test_only_the_newest_of_what_waits_is_applied(pool: asyncpg.Pool) -> None:
    async with applying(pool) as quotas:
        for event in (key(1, 10, 1), key(1, 30, 3), key(1, 20, 2)):
            quotas.note(event)
        await until(lambda: _is_done(quotas), "all is applied")
    assert await limits(pool) == [(1, 2, 30, 3)]


async def test_more_than_a_batch_is_applied(pool: asyncpg.Pool) -> None:
    async with applying(pool) as quotas:
        for number in range(1, 2502):
            quotas.note(key(number, number, 1))
        assert not quotas.have_caught_up()
        await until(lambda: _is_done(quotas), "all is applied")
        assert quotas.have_caught_up()
    assert len(await limits(pool)) == 2501


class _Away:
    """A pool whose database does not answer for a while."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.is_away = True
        self.asked = 0

    def acquire(self) -> object:
        self.asked += 1
        if self.is_away:
            raise ConnectionRefusedError
        return self._pool.acquire()


async def test_a_database_that_is_away_is_waited_for(pool: asyncpg.Pool) -> None:
    away = _Away(pool)
    async with applying(cast("asyncpg.Pool", away)) as quotas:
        quotas.note(key(1, 10, 1))

        async def was_asked_often() -> bool:
            return away.asked > 10  # more than one transaction tries by itself

        await until(was_asked_often, "the database was asked more than once")
        assert quotas.waiting == 1
        away.is_away = False
        await until(lambda: _is_done(quotas), "all is applied")
    assert await limits(pool) == [(1, 2, 10, 1)]
