"""Who is frozen in the middle of a statement does not keep its locks from others for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

import shared.kafka
from shared.kafka import watermarks
from shared.kafka.batches import BatchApplier
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import Partition, Record
from shared.postgres.frozen_sessions import end_frozen_sessions
from shared.postgres.pool import open_pool
from shared.postgres.retrying import Connection
from tests.integration.kafka.waiting import until
from tests.stack_fixtures import Database

_TABLES = """
CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counted VALUES (1, 0);
CREATE TABLE copied (id int);
"""
_ADD = "UPDATE counted SET n = n + 1 WHERE id = 1"
_STATE = "SELECT state || ' ' || coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $1"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """Of a role as services have: it owns no table, and is no superuser."""
    owner = await asyncpg.connect(database.dsn("logging_owner"))
    try:
        await owner.execute(_TABLES)
        await owner.execute(Path(shared.kafka.__file__).with_name("watermarks.sql").read_text())
    finally:
        await owner.close()
    async with open_pool(
        database.dsn("logging"), min_size=1, max_size=4, application_name="test"
    ) as opened:
        yield opened


@asynccontextmanager
async def frozen_in_copy(pool: asyncpg.Pool) -> AsyncIterator[int]:
    """A session that has a row's lock and stands still within COPY; the id of its server process.

    It has to be ended by somebody.
    """
    async with pool.acquire() as connection:
        pid: int = connection.get_server_pid()
        thawed = asyncio.Event()

        async def rows() -> AsyncIterator[bytes]:
            yield b"1\n"
            await thawed.wait()

        async def copy() -> None:
            async with connection.transaction():
                await connection.execute(_ADD)
                await connection.copy_to_table("copied", source=rows())

        async def stands() -> bool:
            return bool(await pool.fetchval(_STATE, pid) == "active ClientRead")

        copying = asyncio.create_task(copy())
        try:
            await until(stands, "it stands still within COPY")
            yield pid
        finally:
            thawed.set()
            (outcome,) = await asyncio.gather(copying, return_exceptions=True)
    assert isinstance(outcome, asyncpg.InterfaceError | asyncpg.PostgresError | OSError), outcome


async def test_only_who_stands_still_in_a_statement_is_ended(pool: asyncpg.Pool) -> None:
    async with (
        frozen_in_copy(pool) as frozen,
        pool.acquire() as busy,
        pool.acquire() as idle,
        idle.transaction(),
        pool.acquire() as looking,
    ):
        await idle.execute("SELECT FROM copied")
        busy_for_long = asyncio.create_task(busy.execute("SELECT pg_sleep(2)"))
        assert await end_frozen_sessions(looking) == 0, "it has not stood for long"
        assert await end_frozen_sessions(looking, after_s=0) == 1

        async def is_gone() -> bool:
            return bool(await looking.fetchval(_STATE, frozen) is None)

        await until(is_gone, "its session is gone")
        await busy_for_long
        await idle.execute("SELECT FROM copied")
    assert await pool.fetchval("SELECT n FROM counted") == 0


async def test_a_consumer_goes_on_past_one_that_is_frozen_in_a_statement(
    pool: asyncpg.Pool,
) -> None:
    """It tries again at each lock time-out, and does not stand still for ever."""
    partition = Partition("a.topic", 0)
    async with pool.acquire() as connection:
        await watermarks.begin(connection, "readers", partition, 0)

    async def add(connection: Connection, _records: Sequence[Record], /) -> None:
        await connection.execute(_ADD)

    applier = BatchApplier(
        group="readers",
        pool=pool,
        handler=add,
        dead_letters=DeadLetters(
            producer=IdempotentProducer(bootstrap="127.0.0.1:1", client_id="unused"),
            group="readers",
        ),
        on_poison="halt",
        stopping=asyncio.Event(),
        metrics=None,
        frozen_after_s=1,
    )
    async with frozen_in_copy(pool), asyncio.timeout(40):
        await applier.apply([Record("a.topic", 0, 0, 0, b"k", b"1", {})], {partition: 0})
    assert await pool.fetchval("SELECT n FROM counted") == 1
