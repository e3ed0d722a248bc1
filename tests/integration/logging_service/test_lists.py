"""`GET /api/log/` and `/api/log/self`."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.logging.rows.ledger_rows import ledger_row
from shared.events.event import new_event_id
from shared.events.ledger import EntryKind
from shared.events.requests import Outcome
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi, take_logs_away
from tests.made_events import NOON, ledger_entry, request
from tests.made_rows import row_of, write_rows
from tests.stack_fixtures import Database

FULL_ROW = {
    *("id", "user_id", "created_at", "type", "content", "username", "token_name", "model_name"),
    *("quota", "prompt_tokens", "completion_tokens", "use_time", "is_stream", "channel_id"),
    *("channel_name", "channel", "token_id", "group", "ip", "request_id", "upstream_request_id"),
    "other",
}


async def add(api: LogApi, *changes: dict[str, Any]) -> list[str]:
    """Rows from requests with these fields; their request ids."""
    events = [request(**fields) for fields in changes]
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row_of(event) for event in events])
    return [event.request_id for event in events]


async def ids(api: LogApi, params: dict[str, str], *, path: str = "/api/log/") -> list[str]:
    caller = ADMIN if path == "/api/log/" else ADA
    answer = await api.get(path, caller, params)
    assert answer["success"], answer
    return [item["request_id"] for item in answer["data"]["items"]]


async def test_an_admin_sees_whole_rows_of_everyone(api: LogApi) -> None:
    await add(api, {}, {"user_id": 701, "username": "bob"})

    answer = await api.get("/api/log/", ADMIN, {"username": "bob"})

    assert answer["success"]
    assert answer["message"] == ""
    (item,) = answer["data"]["items"]
    assert item.keys() == FULL_ROW
    assert (item["user_id"], item["channel_name"], item["channel"]) == (701, "primary", 3)
    assert json.loads(item["other"])["admin_info"]["use_channel"] == ["3"]
    assert item["is_stream"] is False


async def test_a_user_sees_own_rows_without_what_is_for_admins(api: LogApi) -> None:
    own, _ = await add(api, {}, {"user_id": 701, "username": "bob"})

    answer = await api.get("/api/log/self", ADA)

    (item,) = answer["data"]["items"]
    assert item["request_id"] == own
    assert item["channel_name"] == ""
    assert "admin_info" not in json.loads(item["other"])


async def test_a_users_filters_never_widen(api: LogApi) -> None:
    await add(api, {"user_id": 701, "username": "bob"})

    for params in ({"username": "bob"}, {"user_id": "701"}, {"username": "%"}):
        assert await ids(api, params, path="/api/log/self") == []


async def test_each_filter_picks_its_rows(api: LogApi) -> None:
    later = NOON.replace(hour=13)
    plain, other, failed = await add(
        api,
        {},
        {
            "username": "bob",
            "key_name": "server",
            "requested_model": "gpt-4.1",
            "channel_id": 9,
            "group": "vip",
            "completed_at": later,
        },
        {"outcome": Outcome.FAILED, "requested_model": "gpt_4o-mini"},
    )
    noon, one = str(int(NOON.timestamp())), str(int(later.timestamp()))

    assert await ids(api, {}) == [other, failed, plain]
    assert await ids(api, {"type": "4"}) == [failed]
    assert await ids(api, {"username": "bob"}) == [other]
    assert await ids(api, {"token_name": "server"}) == [other]
    assert await ids(api, {"channel": "9"}) == [other]
    assert await ids(api, {"group": "vip"}) == [other]
    assert await ids(api, {"start_timestamp": one}) == [other]
    assert await ids(api, {"end_timestamp": noon}) == [failed, plain]
    assert await ids(api, {"request_id": plain}) == [plain]
    assert await ids(api, {"request_id": "no-such-id"}) == []
    assert await ids(api, {"model_name": "gpt-4.1"}) == [other]
    assert await ids(api, {"model_name": "gpt-4%"}) == [other, plain]
    assert await ids(api, {"model_name": "%mini"}) == [failed, plain]
    assert await ids(api, {"model_name": "gpt_4%"}) == [failed]
    assert await ids(api, {"model_name": "gpt-4", "type": "2"}) == []


@pytest.mark.parametrize("days_later", [0, 3, 40])
async def test_a_requests_id_finds_what_was_given_back_of_it(api: LogApi, days_later: int) -> None:
    """However late: the rows of a request sum to what it cost in the end."""
    ended = NOON - timedelta(days=60)
    began_ms = int(ended.timestamp() - 9) * 1_000
    request_id = str(UUID(int=began_ms << 80 | UUID(new_event_id()).int % 2**80))
    (charged,) = await add(api, {"request_id": request_id, "completed_at": ended, "quota": 9})
    refund = ledger_entry(
        kind=EntryKind.REFUND,
        amount_units=4,
        refers_to_entry_id=1,
        refers_to_request_id=charged,
        bucket_at=ended,
        posted_at=ended + timedelta(days=days_later, minutes=1),
    )
    row = ledger_row(new_event_id(), refund)
    assert row is not None
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row])
    await add(api, {"completed_at": ended + timedelta(days=days_later)})

    answer = await api.get("/api/log/", ADMIN, {"request_id": charged})
    assert answer["data"]["total"] == 2
    assert [item["quota"] for item in answer["data"]["items"]] == [-4, 9]
    stats = await api.get("/api/log/stat", ADMIN, {"request_id": charged})
    assert stats["data"]["quota"] == 5
    explained = await api.get(f"/api/log/explain/{charged}", ADMIN, {})
    assert explained["data"]["charge"]["quota"] == 9


async def test_pages_are_newest_first_and_never_overlap(api: LogApi) -> None:
    added = await add(api, *({} for _ in range(25)))

    first = await api.get("/api/log/", ADMIN, {"p": "1"})
    second = await api.get("/api/log/", ADMIN, {"p": "2"})
    third = await api.get("/api/log/", ADMIN, {"p": "3"})

    shown = [item["request_id"] for page in (first, second) for item in page["data"]["items"]]
    assert shown == added[::-1]
    assert first["data"]["total"] == second["data"]["total"] == third["data"]["total"] == 25
    assert (second["data"]["page"], second["data"]["page_size"]) == (2, 20)
    assert third["data"]["items"] == []


async def test_a_cursor_follows_the_last_row_whatever_comes_in(api: LogApi) -> None:
    added = await add(api, *({} for _ in range(5)))
    shown: list[str] = []
    cursor = ""

    while cursor is not None:
        page = (await api.get("/api/log/", ADMIN, {"page_size": "2", "cursor": cursor}))["data"]
        shown += [item["request_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        await add(api, {"completed_at": NOON.replace(hour=13)})

    assert shown == added[::-1]
    assert page["total"] == 7
    assert (page["page"], page["page_size"]) == (1, 2)
    answer = await api.get("/api/log/", ADMIN, {"cursor": "made-up"})
    assert (answer["success"], "cursor" in answer["message"]) == (False, True)


async def test_an_upstreams_id_finds_its_rows(api: LogApi) -> None:
    one, other, _ = await add(
        api, {"upstream_request_id": "up-1"}, {"upstream_request_id": "up-1"}, {}
    )

    assert await ids(api, {"upstream_request_id": "up-1"}) == [other, one]
    assert await ids(api, {"upstream_request_id": "up-1", "type": "4"}) == []
    assert await ids(api, {"upstream_request_id": "up"}) == []


@pytest.mark.parametrize("name", ["page_size", "ps", "size"])
async def test_the_page_size_has_three_names_and_a_cap(api: LogApi, name: str) -> None:
    await add(api, *({} for _ in range(101)))

    assert len(await ids(api, {name: "7"})) == 7
    assert len(await ids(api, {name: "1000"})) == 100


@pytest.mark.parametrize(
    "query",
    [
        "p=x",
        "page_size=1e9",
        "type=%00",
        "start_timestamp=99999999999999999999",
        "username=%00",
        "username=%ED%A0%80",
        "model_name=" + "%25" * 300,
        "group=%0a",
        "request_id=a%00b",
        "p=1000000000&page_size=100",
        "channel=-1",
        "type=99",
    ],
)
async def test_odd_queries_are_answered_in_the_envelope(api: LogApi, query: str) -> None:
    await add(api, {})

    for path, caller in (("/api/log/", ADMIN), ("/api/log/self", ADA)):
        answer = await api.get(f"{path}?{query}", caller)
        assert answer["success"] or answer["message"]
        if answer["success"]:
            assert answer["data"]["items"] == []


async def test_who_may_not(api: LogApi) -> None:
    for path, caller, status in (
        ("/api/log/", None, 401),
        ("/api/log/self", None, 401),
        ("/api/log/", ADA, 403),
        ("/api/log/", ADAS_KEY, 403),
        ("/api/log/self", ADAS_KEY, 403),
    ):
        async with api.call("GET", path, caller) as response:
            assert response.status == status, (path, caller)
            assert (await response.json())["success"] is False


async def test_a_database_that_refuses_is_told_in_the_words_that_tools_know(
    api: LogApi, tables: Database
) -> None:
    await take_logs_away(tables)

    assert await api.get("/api/log/", ADMIN) == {"success": False, "message": "获取日志失败"}
