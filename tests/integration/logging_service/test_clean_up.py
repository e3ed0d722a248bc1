"""`DELETE /api/log/`: out of sight at once, deleted in small steps, counted exactly."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from services.logging.ingest import gate
from services.logging.partitions.spans import DAY, LOGS
from services.logging.partitions.store_partitions import drop, partitions
from services.logging.retention.clean_ups import CleanUps, StillDeletingError
from shared.audit.actions import Actor
from shared.events.audit import ActionTaken
from shared.events.directory import Role
from shared.kafka.outbox_rows import decode_row
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import PHASE_ROWS, clean_ups_running
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.integration.logging_service.test_search import row
from tests.made_rows import write_rows
from tests.stack_fixtures import Database

ROOT = Actor(user_id=1, name="root", role=Role.ROOT, workspace_id=1)


async def add(pool: asyncpg.Pool, *times: int) -> None:
    async with pool.acquire() as connection:
        await write_rows(connection, [row("note", created_at=at) for at in times])


async def left(pool: asyncpg.Pool) -> list[int]:
    return [r[0] for r in await pool.fetch("SELECT created_at FROM logs ORDER BY created_at, id")]


async def call(api: LogApi, method: str, query: str, caller: Any = ADMIN) -> Any:
    async with api.call(method, f"/api/log/{query}", caller) as response:
        assert response.status == 200
        return await response.json()


async def delete(api: LogApi, query: str, caller: Any = ADMIN) -> Any:
    return await call(api, "DELETE", query, caller)


async def actions(pool: asyncpg.Pool) -> list[ActionTaken]:
    rows = await pool.fetch("SELECT records FROM event_outbox ORDER BY id")
    return [
        ActionTaken.model_validate_json(record.value or b"")
        for r in rows
        for record in decode_row(r["records"])
    ]


async def horizon(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT refuse_before FROM log_state"))


async def test_what_is_older_goes_and_is_counted(api: LogApi) -> None:
    await add(api.pool, *range(100, 110), 200, 200, 201)

    answer = await delete(api, "?target_timestamp=200")

    assert answer == {"success": True, "message": "", "data": 10}
    assert await left(api.pool) == [200, 200, 201]
    assert (await delete(api, "?target_timestamp=200"))["data"] == 0
    (first, second) = await actions(api.pool)
    assert (first.action, first.actor_name, first.changes) == (
        "log.delete",
        "root",
        {"target_timestamp": "200"},
    )
    assert first.action_id != second.action_id


async def test_days_go_as_whole_partitions_and_the_rest_row_by_row(api: LogApi) -> None:
    days = [n * DAY + second for n in range(4) for second in (0, 5, DAY - 1)]
    await add(api.pool, *days)

    assert (await delete(api, f"?target_timestamp={2 * DAY + 5}"))["data"] == 7

    assert await left(api.pool) == days[7:]
    async with api.pool.acquire() as connection:
        held = [one.span.lower // DAY for one in await partitions(connection, LOGS)]
    assert held == [2, 3]
    (note,) = (await call(api, "GET", "clean-ups"))["data"]["items"]
    told = {name: note[name] for name in ("kind", "phase", "deleted_rows", "partitions_dropped")}
    assert told == {
        "kind": "admin",
        "phase": "finished",
        "deleted_rows": 7,
        "partitions_dropped": 2,
    }
    assert note["finished_at"] >= note["started_at"]


@pytest.mark.parametrize(
    "query", ["", "?target_timestamp=", "?target_timestamp=0", "?target_timestamp=-5"]
)
async def test_without_a_time_nothing_goes(api: LogApi, query: str) -> None:
    await add(api.pool, 100)

    assert await delete(api, query) == {
        "success": False,
        "message": "target timestamp is required",
    }
    assert await left(api.pool) == [100]


@pytest.mark.parametrize("value", ["x", "1e9", "1700000000000", "9" * 19, "%00"])
async def test_a_time_that_is_none_or_in_milliseconds_deletes_nothing(
    api: LogApi, value: str
) -> None:
    await add(api.pool, 100)

    answer = await delete(api, f"?target_timestamp={value}")

    assert answer["success"] is False
    assert "target_timestamp" in answer["message"]
    assert await left(api.pool) == [100]


async def test_only_an_admin_may(api: LogApi) -> None:
    await add(api.pool, 100)
    for method, path in (
        ("DELETE", "?target_timestamp=200"),
        ("GET", "clean-ups"),
        ("GET", "clean-ups/1"),
    ):
        for caller, status in ((None, 401), (ADA, 403), (ADAS_KEY, 403)):
            async with api.call(method, f"/api/log/{path}", caller) as response:
                assert response.status == status
    assert await left(api.pool) == [100]


async def test_a_clean_up_is_watched_by_its_id(api: LogApi) -> None:
    await add(api.pool, 100, 101)
    await delete(api, "?target_timestamp=101")
    await delete(api, "?target_timestamp=102")
    second, first = (await call(api, "GET", "clean-ups"))["data"]["items"]

    assert (first["target_timestamp"], second["target_timestamp"]) == (101, 102)
    assert (await call(api, "GET", f"clean-ups/{first['id']}"))["data"] == first
    page = (await call(api, "GET", "clean-ups?p=2&page_size=1"))["data"]
    assert page == {"items": [first], "total": 2, "page": 2, "page_size": 1}
    for unknown in (first["id"] + 1_000, 10**18):
        answer = await call(api, "GET", f"clean-ups/{unknown}")
        assert answer == {"success": False, "message": "there is no such clean-up"}


async def test_a_target_ahead_of_the_clock_is_now(api: LogApi) -> None:
    """What comes next must not be refused, nor hidden, because of it."""
    now = int(time.time())
    await add(api.pool, now - 10, now + 1_000)

    assert (await delete(api, f"?target_timestamp={now + DAY}"))["data"] == 1

    assert await left(api.pool) == [now + 1_000]
    assert now <= await horizon(api.pool) <= int(time.time())


async def test_an_older_target_never_lowers_the_horizon(api: LogApi) -> None:
    await delete(api, "?target_timestamp=200")
    await delete(api, "?target_timestamp=100")
    assert await horizon(api.pool) == 200


async def test_a_caller_who_waited_long_enough_is_told_where_to_look(pool: asyncpg.Pool) -> None:
    """Nobody carries it out here."""
    await add(pool, 100)

    with pytest.raises(StillDeletingError) as raised:
        await CleanUps(pool, wait_s=0.01).delete_before(200, ROOT)

    found = await CleanUps(pool).one(raised.value.clean_up_id)
    assert found is not None
    assert (found["phase"], found["finished_at"]) == ("begun", None)
    assert await horizon(pool) == 200, "it is out of sight all the same"


async def test_what_was_begun_goes_on_by_itself(pool: asyncpg.Pool, tables: Database) -> None:
    await add(pool, *range(100, 110))
    waiting = CleanUps(pool, wait_s=0.01)
    for target in (105, 200):
        with pytest.raises(StillDeletingError):
            await waiting.delete_before(target, ROOT)

    async with clean_ups_running(tables):
        await until(lambda: is_finished(pool), "both are carried out")

    assert await left(pool) == []
    counts = await pool.fetch("SELECT deleted_rows FROM log_clean_ups ORDER BY id")
    assert [r[0] for r in counts] == [5, 5]


async def is_finished(pool: asyncpg.Pool) -> bool:
    return not await pool.fetchval("SELECT count(*) FROM log_clean_ups WHERE finished_at IS NULL")


async def test_two_at_a_time_delete_each_row_once(api: LogApi, tables: Database) -> None:
    await add(api.pool, *range(100, 100 + 20 * PHASE_ROWS), DAY, 2 * DAY)
    one, other = CleanUps(api.pool), CleanUps(api.pool)

    async with clean_ups_running(tables):
        counts = await asyncio.gather(
            one.delete_before(2 * DAY, ROOT), other.delete_before(2 * DAY + 1, ROOT)
        )

    assert sum(counts) == 20 * PHASE_ROWS + 2
    assert await left(api.pool) == []


async def test_it_begins_when_the_batches_that_are_being_written_have_ended(api: LogApi) -> None:
    """Else a row of theirs could come behind what was counted."""
    await add(api.pool, 100)
    async with api.pool.acquire() as batch:
        async with batch.transaction():
            await gate.enter(batch)
            deleting = asyncio.create_task(delete(api, "?target_timestamp=200"))
            await until(lambda: waits_at_the_gate(api.pool), "the clean-up waits")
            await write_rows(batch, [row("note", created_at=101)])
            assert not deleting.done()
        assert (await deleting)["data"] == 2


async def waits_at_the_gate(pool: asyncpg.Pool) -> bool:
    return bool(
        await pool.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
    )


async def test_a_slow_reader_is_waited_for_and_holds_nobody_up(api: LogApi) -> None:
    """The drop gives way again and again; the readers that come meanwhile are served."""
    await add(api.pool, 100, DAY + 100)
    async with api.pool.acquire() as slow:
        async with slow.transaction(isolation="repeatable_read", readonly=True):
            assert await slow.fetchval("SELECT count(*) FROM logs") == 2
            deleting = asyncio.create_task(delete(api, f"?target_timestamp={DAY}"))
            await until(lambda: is_at(api.pool, "partitions"), "the drop is tried")
            for _ in range(20):
                # Of those that come while the drop waits each waits as long as it, and no longer.
                async with asyncio.timeout(5):
                    await api.pool.fetchval("SELECT count(*) FROM logs")
                await asyncio.sleep(0.05)
            assert await slow.fetchval("SELECT count(*) FROM logs") == 2, "its snapshot is whole"
            assert not deleting.done()
        assert (await deleting)["data"] == 1
    assert await left(api.pool) == [DAY + 100]


async def is_at(pool: asyncpg.Pool, phase: str) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM log_clean_ups WHERE phase = $1", phase))


async def test_the_service_cannot_drop_what_is_not_before_the_horizon(pool: asyncpg.Pool) -> None:
    """Neither by itself nor by its owner's function."""
    await add(pool, 100)
    async with pool.acquire() as connection:
        (partition,) = await partitions(connection, LOGS)
        for statement in (f"DROP TABLE {partition.name}", f"TRUNCATE {partition.name}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
            await drop(connection, LOGS, partition.name)
    assert await left(pool) == [100]
