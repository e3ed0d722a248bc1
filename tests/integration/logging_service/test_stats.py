"""`GET /api/log/stat` and `/api/log/self/stat`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.logging.handlers import to_row
from shared.events.ledger import EntryKind
from shared.events.requests import Outcome
from shared.events.usage import Usage
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi, take_logs_away
from tests.made_events import NOON, ledger_entry, outgoing, received, request
from tests.made_rows import row_of, write_rows
from tests.stack_fixtures import Database

LATELY = {"usage": Usage(prompt_tokens=100, completion_tokens=7)}


async def add(api: LogApi, *changes: dict[str, Any]) -> None:
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row_of(request(**fields)) for fields in changes])


def seconds_ago(seconds: float) -> dict[str, datetime]:
    return {"completed_at": datetime.now(UTC) - timedelta(seconds=seconds)}


async def stat(api: LogApi, path: str = "/api/log/stat", **params: str) -> tuple[int, int, int]:
    caller = ADMIN if path == "/api/log/stat" else ADA
    answer = await api.get(path, caller, params)
    assert answer["success"], answer
    assert answer["data"].keys() == {"quota", "rpm", "tpm"}
    return answer["data"]["quota"], answer["data"]["rpm"], answer["data"]["tpm"]


async def test_of_nothing_all_is_zero(api: LogApi) -> None:
    assert await stat(api) == (0, 0, 0)


async def test_quota_obeys_the_range_and_the_rates_do_not(api: LogApi) -> None:
    await add(api, {"quota": 5}, {"quota": 7, **LATELY, **seconds_ago(5)})
    noon = str(int(NOON.timestamp()))

    assert await stat(api) == (12, 1, 107)
    assert await stat(api, end_timestamp=noon) == (5, 1, 107)
    assert await stat(api, start_timestamp=noon, end_timestamp=noon) == (5, 1, 107)
    assert await stat(api, start_timestamp="99999999999") == (0, 1, 107)


async def test_a_minute_is_the_last_sixty_seconds(api: LogApi) -> None:
    await add(api, seconds_ago(30), seconds_ago(65), seconds_ago(3600))

    assert (await stat(api))[1] == 1


@pytest.mark.parametrize(("failed", "quota"), [(False, 5), (True, 9)])
async def test_a_refund_lowers_what_its_request_raised_and_is_no_request(
    api: LogApi, *, failed: bool, quota: int
) -> None:
    await add(api, {"quota": 9, **LATELY, **seconds_ago(5)})
    refund = ledger_entry(
        kind=EntryKind.REFUND,
        amount_units=4,
        refers_to_entry_id=1,
        refers_to_failed=failed,
        bucket_at=NOON,
        posted_at=datetime.now(UTC),
    )
    row = to_row(received(outgoing("billing.ledger", refund)))
    assert row is not None
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row])

    assert await stat(api) == (quota, 1, 107)


async def test_quota_sums_consumption_and_a_request_that_failed_is_one_too(api: LogApi) -> None:
    failed = {"outcome": Outcome.FAILED, "quota": 40, **LATELY}
    await add(api, {"quota": 3, **LATELY, **seconds_ago(1)}, {**failed, **seconds_ago(2)})

    assert await stat(api) == (3, 2, 214)
    assert await stat(api, type="4") == (0, 1, 107)
    assert await stat(api, type="2") == (3, 1, 107)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("username", "bob", "username"),
        ("token_name", "server", "key_name"),
        ("model_name", "gpt-4.1", "requested_model"),
        ("group", "vip", "group"),
        ("channel", "9", "channel_id"),
    ],
)
async def test_both_obey_the_other_filters(api: LogApi, name: str, value: str, field: str) -> None:
    told: Any = int(value) if field == "channel_id" else value
    await add(
        api,
        {"quota": 3, **seconds_ago(1)},
        {"quota": 11, **LATELY, **seconds_ago(1), field: told},
    )

    assert await stat(api, **{name: value}) == (11, 1, 107)


async def test_a_users_are_of_own_rows_whatever_the_filters_say(api: LogApi) -> None:
    others = {"user_id": 701, "username": "bob", "quota": 50, **seconds_ago(1)}
    await add(api, {"quota": 2, **LATELY, **seconds_ago(1)}, others)

    assert await stat(api, "/api/log/self/stat") == (2, 1, 107)
    assert await stat(api, "/api/log/self/stat", username="bob") == (0, 0, 0)
    assert await stat(api) == (52, 2, 137)


async def test_who_may_not(api: LogApi) -> None:
    for path, caller, status in (
        ("/api/log/stat", None, 401),
        ("/api/log/stat?p=x", None, 401),
        ("/api/log/self/stat", None, 401),
        ("/api/log/stat", ADA, 403),
        ("/api/log/self/stat", ADAS_KEY, 403),
    ):
        async with api.call("GET", path, caller) as response:
            assert response.status == status, (path, caller)


async def test_a_database_that_refuses_is_told_in_the_words_that_tools_know(
    api: LogApi, tables: Database
) -> None:
    await take_logs_away(tables)

    assert await api.get("/api/log/stat", ADMIN) == {
        "success": False,
        "message": "获取统计信息失败",
    }
    assert await api.get("/api/log/search?keyword=x", ADMIN) == {
        "success": False,
        "message": "搜索日志失败",
    }
