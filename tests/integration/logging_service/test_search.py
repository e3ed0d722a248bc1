"""`GET /api/log/search` and `/api/log/self/search`."""

import json
from typing import Any

import pytest

from services.logging.rows.rows import LogRow, LogType
from shared.events.event import new_event_id
from shared.events.requests import ErrorCode, Outcome
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.made_events import request
from tests.made_rows import row_of, write_rows


def row(content: str, **fields: Any) -> LogRow:
    """A row as another program may have written it."""
    values: dict[str, Any] = {
        "event_id": new_event_id(),
        "workspace_id": 7,
        "user_id": 700,
        "created_at": 1_700_000_000,
        "type": int(LogType.CONSUMPTION),
        "content": content,
    }
    return LogRow(**(values | fields))


async def add(api: LogApi, *rows: LogRow) -> None:
    async with api.pool.acquire() as connection:
        await write_rows(connection, rows)


async def found(api: LogApi, keyword: str, *, own: bool = False, **filters: str) -> list[str]:
    """The contents of what is found, newest first."""
    path, caller = ("/api/log/self/search", ADA) if own else ("/api/log/search", ADMIN)
    answer = await api.get(path, caller, {"keyword": keyword, **filters})
    assert answer["success"], answer
    return [item["content"] for item in answer["data"]]


async def test_the_case_of_letters_does_not_matter(api: LogApi) -> None:
    await add(api, row("GPT-4调用成功"), row("Claude调用成功"))

    assert await found(api, "gpt-4") == ["GPT-4调用成功"]
    assert await found(api, "GPT-4调用") == ["GPT-4调用成功"]
    assert await found(api, "调用成功") == ["Claude调用成功", "GPT-4调用成功"]


async def test_the_models_name_is_found_too(api: LogApi) -> None:
    rows = [row_of(request(requested_model=name)) for name in ("gpt-4.1", "o3", "GPT-4o")]
    await add(api, *rows, row("about gpt-4"), row("about o3"))

    assert len(await found(api, "gpt-4")) == 3
    assert len(await found(api, "gpt-4", model_name="o3")) == 0
    assert len(await found(api, "O3")) == 2


async def test_a_type_is_found_by_its_number_and_by_its_name(api: LogApi) -> None:
    await add(
        api,
        row("topped up", type=1),
        row("used", type=2),
        row("changed", type=3),
        row("failed", type=4),
        row("rested", type=5),
        row("a 4 in it", type=2),
    )

    assert await found(api, "1") == ["topped up"]
    assert sorted(await found(api, "4")) == ["a 4 in it", "failed"]
    assert await found(api, "System") == ["rested"]
    assert await found(api, "管理") == ["changed"]
    assert sorted(await found(api, "consumption")) == ["a 4 in it", "used"]
    assert await found(api, "9") == []


async def test_what_nearly_all_rows_say_is_found_and_so_is_what_others_say(api: LogApi) -> None:
    failed = request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT)
    await add(api, row_of(request()), row_of(request(client_disconnected=True)), row_of(failed))

    assert len(await found(api, "call SUCCEEDED")) == 2
    assert len(await found(api, "in time")) == 1
    assert len(await found(api, "client left")) == 1


@pytest.mark.parametrize("keyword", ["%", "_", "\\", "100%", "a_b", "c\\d"])
async def test_nothing_in_a_keyword_is_special(api: LogApi, keyword: str) -> None:
    await add(api, row("plain axb cd 100"), row(f"has {keyword} in it"))

    assert await found(api, keyword) == [f"has {keyword} in it"]


@pytest.mark.parametrize(
    "query", ["keyword=%00", "keyword=%ED%A0%80", "keyword=" + "x" * 257, "keyword=a&type=x"]
)
async def test_odd_keywords_are_answered_in_the_envelope(api: LogApi, query: str) -> None:
    for path, caller in (("/api/log/search", ADMIN), ("/api/log/self/search", ADA)):
        answer = await api.get(f"{path}?{query}", caller)
        assert answer["message"] if not answer["success"] else answer["data"] == []


async def test_it_is_the_newest_thousand_in_order(api: LogApi) -> None:
    rows = [row(f"note {number}", created_at=1_700_000_000 + number) for number in range(1_003)]
    await add(api, *rows, row("note of another", created_at=5, user_id=701))

    contents = await found(api, "note")

    assert contents == [f"note {number}" for number in range(1_002, 2, -1)]
    assert await found(api, "") == contents


async def test_a_user_finds_own_rows_without_what_is_for_admins(api: LogApi) -> None:
    await add(api, row_of(request()), row_of(request(user_id=701, username="bob")))

    answer = await api.get("/api/log/self/search", ADA, {"keyword": "gpt-4o"})

    (item,) = answer["data"]
    assert {"id", "type", "content", "model_name", "created_at"} <= item.keys()
    assert item["user_id"] == 700
    assert item["channel_name"] == ""
    assert "admin_info" not in json.loads(item["other"])
    assert await found(api, "gpt-4o", own=True, username="bob") == []
    assert len(await found(api, "gpt-4o", username="bob")) == 1


async def test_who_may_not(api: LogApi) -> None:
    for path, caller, status in (
        ("/api/log/search?keyword=x", None, 401),
        ("/api/log/self/search?keyword=x", None, 401),
        ("/api/log/search?keyword=x", ADA, 403),
        ("/api/log/self/search?keyword=x", ADAS_KEY, 403),
    ):
        async with api.call("GET", path, caller) as response:
            assert response.status == status, (path, caller)
