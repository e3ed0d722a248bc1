"""`DELETE /api/log/`: in phases, counted exactly, and gone on with after a crash."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.logging.retention import clean_up
from services.logging.retention.clean_up import CleanUp
from services.logging.retention.store_clean_up import delete_some
from shared.audit.actions import Actor
from shared.events.audit import ActionTaken
from shared.events.directory import Role
from shared.kafka.outbox_rows import decode_row
from tests.integration.logging_service.conftest import PHASE_ROWS
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.integration.logging_service.test_search import row
from tests.made_rows import write_rows

ROOT = Actor(user_id=1, name="root", role=Role.ROOT, workspace_id=1)


async def add(api: LogApi, *times: int) -> None:
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row("note", created_at=at) for at in times])


async def left(pool: asyncpg.Pool) -> list[int]:
    return [r[0] for r in await pool.fetch("SELECT created_at FROM logs ORDER BY created_at, id")]


async def delete(api: LogApi, query: str, caller: Any = ADMIN) -> Any:
    async with api.call("DELETE", f"/api/log/{query}", caller) as response:
        assert response.status == 200
        return await response.json()


async def actions(pool: asyncpg.Pool) -> list[ActionTaken]:
    rows = await pool.fetch("SELECT records FROM event_outbox ORDER BY id")
    return [
        ActionTaken.model_validate_json(record.value or b"")
        for r in rows
        for record in decode_row(r["records"])
    ]


async def test_what_is_older_goes_and_is_counted(api: LogApi) -> None:
    await add(api, *range(100, 110), 200, 200, 201)

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


@pytest.mark.parametrize(
    "query", ["", "?target_timestamp=", "?target_timestamp=0", "?target_timestamp=-5"]
)
async def test_without_a_time_nothing_goes(api: LogApi, query: str) -> None:
    await add(api, 100)

    assert await delete(api, query) == {
        "success": False,
        "message": "target timestamp is required",
    }
    assert await left(api.pool) == [100]


@pytest.mark.parametrize("value", ["x", "1e9", "1700000000000", "9" * 19, "%00"])
async def test_a_time_that_is_none_or_in_milliseconds_deletes_nothing(
    api: LogApi, value: str
) -> None:
    await add(api, 100)

    answer = await delete(api, f"?target_timestamp={value}")

    assert answer["success"] is False
    assert "target_timestamp" in answer["message"]
    assert await left(api.pool) == [100]


async def test_only_an_admin_may(api: LogApi) -> None:
    await add(api, 100)
    for caller, status in ((None, 401), (ADA, 403), (ADAS_KEY, 403)):
        async with api.call("DELETE", "/api/log/?target_timestamp=200", caller) as response:
            assert response.status == status
    assert await left(api.pool) == [100]


async def test_after_a_crash_the_rest_goes_when_it_is_called_again(
    api: LogApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted before stays deleted, and both counts are of what each call deleted."""
    await add(api, *range(100, 120))
    phases = 0

    async def dies_in_the_third(*args: Any, **kwargs: Any) -> Any:
        nonlocal phases
        phases += 1
        done = await delete_some(*args, **kwargs)
        if phases == 3:
            raise asyncpg.InternalServerError("made up")
        return done

    monkeypatch.setattr(clean_up, "delete_some", dies_in_the_third)
    answer = await delete(api, "?target_timestamp=200")
    assert answer["success"] is False
    assert len(await left(api.pool)) == 20 - 2 * PHASE_ROWS

    monkeypatch.undo()
    assert (await delete(api, "?target_timestamp=200"))["data"] == 20 - 2 * PHASE_ROWS
    assert await left(api.pool) == []
    counts = await api.pool.fetch(
        "SELECT deleted_rows, finished_at IS NULL AS is_cut FROM log_clean_ups ORDER BY id"
    )
    assert [tuple(r) for r in counts] == [(2 * PHASE_ROWS, True), (20 - 2 * PHASE_ROWS, False)]


async def test_two_at_a_time_delete_each_row_once(api: LogApi) -> None:
    await add(api, *range(100, 160))
    one, other = CleanUp(api.pool, phase_rows=PHASE_ROWS), CleanUp(api.pool, phase_rows=4)

    counts = await asyncio.gather(one.delete_before(200, ROOT), other.delete_before(200, ROOT))

    assert sum(counts) == 60
    assert await left(api.pool) == []


async def test_rows_that_come_meanwhile_and_are_older_go_too(
    api: LogApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events may come late: a row may be made behind what was passed already."""
    await add(api, *range(100, 110))
    is_added = False

    async def one_comes_late(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_added
        done = await delete_some(*args, **kwargs)
        if done.passed is not None and done.passed.created_at > 104 and not is_added:
            is_added = True
            await add(api, 50)
        return done

    monkeypatch.setattr(clean_up, "delete_some", one_comes_late)

    assert (await delete(api, "?target_timestamp=200"))["data"] == 11
    assert is_added
    assert await left(api.pool) == []
