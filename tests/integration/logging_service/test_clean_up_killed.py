"""kill -9 of whoever carries a clean-up out, at each step: the next goes on, and counts right."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.logging.partitions.spans import DAY
from services.logging.retention.clean_ups import CleanUps
from tests.integration.kafka.waiting import until
from tests.integration.logging_service import clean_ups
from tests.integration.logging_service.clean_ups import PHASE_ROWS, clean_ups_running
from tests.integration.logging_service.test_clean_up import ROOT, add, is_finished, left
from tests.stack_fixtures import Database

_LOCK = 7_001_022
_HELD = f"""
CREATE FUNCTION logging.held_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({_LOCK});
    RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION logging.held_here() TO logging;
CREATE TRIGGER held_here BEFORE UPDATE ON logging.log_clean_ups FOR EACH ROW
    WHEN ({{condition}}) EXECUTE FUNCTION logging.held_here();
"""
_WAITING = f"""
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = {_LOCK}
"""


@asynccontextmanager
async def killed_where(
    tables: Database, condition: str, *, now: int | None = None
) -> AsyncIterator[None]:
    """A process carries clean-ups out until the note changes so, and is killed there."""
    connection = await asyncpg.connect(tables.dsn("superuser"))
    try:
        await connection.execute(_HELD.format(condition=condition))
        await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", clean_ups.__name__, tables.dsn("logging")),
            *(() if now is None else (str(now),)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield

            async def is_held() -> bool:
                return bool(await connection.fetchval(_WAITING))

            await until(is_held, "it is where it is to be killed")
        finally:
            process.kill()
            await process.wait()
        # What the server was asked it goes on with: nobody is there to commit it.
        await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")
        await connection.execute("DROP TRIGGER held_here ON logging.log_clean_ups")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param("NEW.phase = 'partitions' AND OLD.phase = 'begun'", id="at the beginning"),
        pytest.param("NEW.partitions_dropped = 2", id="between a drop and its commit"),
        pytest.param("NEW.phase = 'rows' AND OLD.phase <> 'rows'", id="between drops and rows"),
        pytest.param(f"NEW.deleted_rows = 8 + 2 * {PHASE_ROWS}", id="in a phase of rows"),
        pytest.param("NEW.finished_at IS NOT NULL", id="at the end"),
    ],
)
async def test_the_next_one_goes_on_and_no_row_is_counted_twice(
    pool: asyncpg.Pool, tables: Database, condition: str
) -> None:
    await add(pool, *range(100, 105), *range(DAY, DAY + 3), *range(2 * DAY, 2 * DAY + 20))
    async with killed_where(tables, condition):
        deleting = asyncio.create_task(CleanUps(pool).delete_before(2 * DAY + 10, ROOT))

    async with clean_ups_running(tables):
        assert await deleting == 18
        assert await is_finished(pool)

    assert await left(pool) == list(range(2 * DAY + 10, 2 * DAY + 20))
    dropped = await pool.fetchval("SELECT partitions_dropped FROM log_clean_ups")
    assert dropped == 2


async def test_killed_between_the_count_and_the_drop(pool: asyncpg.Pool, tables: Database) -> None:
    """The count is made without a lock and is worth nothing until the drop has it noted."""
    await add(pool, *range(100, 105))
    process = None
    async with pool.acquire() as batch, batch.transaction():
        deleting = asyncio.create_task(CleanUps(pool).delete_before(DAY, ROOT))
        await until(lambda: is_begun(pool), "it is begun")
        # A batch holds the gate: the drop waits, and the count has been made.
        await batch.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended('logging.gate', 0))"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", clean_ups.__name__, tables.dsn("logging")),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: waits_at_gate(pool), "the drop waits")
        finally:
            process.kill()
            await process.wait()
    async with clean_ups_running(tables):
        assert await deleting == 5
    assert await left(pool) == []


async def is_begun(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM log_clean_ups"))


async def waits_at_gate(pool: asyncpg.Pool) -> bool:
    return bool(
        await pool.fetchval(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND NOT granted AND application_name = 'lock clean_up'"
        )
    )
