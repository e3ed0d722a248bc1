"""Transactions that another one was in the way of are tried again; outcomes are never guessed."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.postgres.failures import Failure, classify
from shared.postgres.pool import open_pool
from shared.postgres.retrying import (
    CommitUnknownError,
    Connection,
    describe_error,
    in_transaction,
)
from tests.stack_fixtures import Database


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with open_pool(
        database.dsn("superuser"), min_size=1, max_size=4, application_name="test"
    ) as opened:
        await opened.execute("CREATE TABLE rows (id int PRIMARY KEY CHECK (id < 100), n int)")
        await opened.execute("INSERT INTO rows VALUES (1, 0), (2, 0)")
        yield opened


async def test_a_deadlock_is_tried_again(pool: asyncpg.Pool) -> None:
    both_hold_one = asyncio.Barrier(2)
    tries = 0

    async def add(connection: Connection, order: tuple[int, int]) -> None:
        nonlocal tries
        tries += 1
        is_first = tries <= 2
        await connection.execute("UPDATE rows SET n = n + 1 WHERE id = $1", order[0])
        if is_first:
            await both_hold_one.wait()
        await connection.execute("UPDATE rows SET n = n + 1 WHERE id = $1", order[1])

    await asyncio.gather(
        in_transaction(pool, lambda c: add(c, (1, 2))),
        in_transaction(pool, lambda c: add(c, (2, 1))),
    )
    assert tries == 3
    assert await pool.fetchval("SELECT sum(n) FROM rows") == 4


async def test_a_session_that_dies_before_the_commit_is_tried_again(pool: asyncpg.Pool) -> None:
    tries = 0

    async def add(connection: Connection) -> int:
        nonlocal tries
        tries += 1
        await connection.execute("UPDATE rows SET n = n + 1 WHERE id = 1")
        if tries == 1:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return tries

    assert await in_transaction(pool, add) == 2
    assert await pool.fetchval("SELECT n FROM rows WHERE id = 1") == 1


async def test_a_session_that_dies_during_the_commit_is_said_to_be_unknown(
    pool: asyncpg.Pool,
) -> None:
    """A deferred trigger kills the session from within COMMIT."""
    await pool.execute(
        """
        CREATE SEQUENCE commits;
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('commits') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER dying AFTER UPDATE ON rows
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();
        """
    )

    async def touch(connection: Connection) -> None:
        await connection.execute("UPDATE rows SET n = 7 WHERE id = 1")

    with pytest.raises(CommitUnknownError):
        await in_transaction(pool, touch)
    await pool.execute("ALTER SEQUENCE commits RESTART")
    await in_transaction(pool, touch, idempotent=True)
    assert await pool.fetchval("SELECT n FROM rows WHERE id = 1") == 7


async def test_a_refused_row_is_not_tried_again_and_is_not_quoted(pool: asyncpg.Pool) -> None:
    tries = 0

    async def insert(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute("INSERT INTO rows VALUES ($1, 0)", 4711)

    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await in_transaction(pool, insert)
    assert tries == 1
    assert classify(caught.value) is Failure.DATA
    described = describe_error(caught.value)
    assert described["sqlstate"] == "23514"
    assert described["constraint"] == "rows_id_check"
    assert "4711" not in str(described)
