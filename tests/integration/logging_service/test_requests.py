"""`GET /api/requests` and `GET /api/requests/{request_id}`."""

from typing import Any

import pytest

from services.logging.requests.shown import BESIDE, COLUMNS
from services.logging.rows.rows import LogRow
from shared.events.requests import Attempt, ErrorCode, RequestCompleted
from shared.http.assertions import Caller
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.made_events import NOON, request
from tests.made_request_rows import FILTERED, request_log_row
from tests.made_rows import row_of, write_rows

NOON_S = int(NOON.timestamp())
DAY_S = 86_400
HOUR_S = 3_600


async def add(api: LogApi, *rows: LogRow) -> list[str]:
    """Their request ids."""
    async with api.pool.acquire() as connection:
        await write_rows(connection, rows)
    return [row.request_id for row in rows]


async def page(api: LogApi, caller: Caller | None = ADMIN, /, **params: str) -> Any:
    answer = await api.get("/api/requests", caller, params)
    assert answer["success"], answer
    return answer["data"]


async def ids(api: LogApi, caller: Caller | None = ADMIN, /, **params: str) -> list[str]:
    return [item["request_id"] for item in (await page(api, caller, **params))["items"]]


async def every_page(api: LogApi, **params: str) -> list[str]:
    """All of it, page by page."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        one = await page(api, **params, **cursor)
        found += [item["request_id"] for item in one["items"]]
        assert not one["is_partial"]
        if one["next_cursor"] is None:
            return found
        cursor = {"cursor": one["next_cursor"]}


async def test_a_request_is_shown_with_every_column(api: LogApi) -> None:
    (request_id,) = await add(api, request_log_row(client_retry_count=2, quota=30))
    found = await page(api)
    (item,) = found["items"]
    assert list(item) == [*COLUMNS, *BESIDE]
    assert (found["total"], found["next_cursor"], found["is_partial"]) == (1, None, False)
    told = {
        "request_id": request_id,
        "workspace_id": 7,
        "api_key_id": 70,
        "provider_id": 4,
        "project_id": 17,
        "trace_id": "0" * 31 + "1",
        "method": "POST",
        "status_code": 200,
        "error_message": None,
        "tokens_input": 10,
        "tokens_output": 20,
        "tokens_total": 30,
        "model": "gpt-4o-mini",
        "cost_cents": "0.006000",
        "is_retry": True,
        "client_ip": "192.0.2.1",
        "request_client": "openai-python",
        "request_host": "api.example.com",
        "created_at": NOON_S,
        "channel_name": "primary",
        "usage_source": "provider",
    }
    assert {name: item[name] for name in told} == told


async def test_an_error_says_why(api: LogApi) -> None:
    event = request(outcome="failed", error_code=ErrorCode.UPSTREAM_TIMEOUT, http_status=504)
    await add(api, row_of(event))
    (item,) = (await page(api))["items"]
    assert (item["status_code"], item["error_code"]) == (504, "upstream_timeout")
    assert item["error_message"]


async def test_what_gives_back_of_a_charge_is_no_request(api: LogApi) -> None:
    refund = request_log_row(group="", quota=-30, type=2)
    (of_request, _) = await add(api, request_log_row(), refund)
    assert await ids(api) == [of_request]


async def test_everybody_sees_what_is_theirs_whatever_they_ask_for(api: LogApi) -> None:
    of_key, of_other_key, of_bob = await add(
        api,
        request_log_row(),
        request_log_row(token_id=71),
        request_log_row(user_id=701, token_id=72),
    )
    assert set(await ids(api)) == {of_key, of_other_key, of_bob}
    assert set(await ids(api, ADA, user_id="701")) == {of_key, of_other_key}
    assert await ids(api, ADAS_KEY, key_id="71") == [of_key]
    assert await ids(api, ADA, key_id="71") == [of_other_key]
    (item, _) = (await page(api, ADA))["items"]
    assert item["channel_name"] is None
    async with api.call("GET", "/api/requests", None) as response:
        assert response.status == 401


async def test_each_filter_finds_what_it_says_and_nothing_else(api: LogApi) -> None:
    await add(api, request_log_row())
    for changes, asked, not_asked in FILTERED:
        (wanted,) = await add(api, request_log_row(**changes))
        found = await ids(api, **asked)
        assert found[0] == wanted or found == [wanted], asked
        assert wanted not in await ids(api, **not_asked), not_asked
        assert len(found) == 1, asked
        async with api.pool.acquire() as connection:
            await connection.execute("DELETE FROM logs WHERE request_id = $1", wanted)


async def test_filters_combine_and_empty_ones_are_none(api: LogApi) -> None:
    one, _, _ = await add(
        api,
        request_log_row(status_code=500, method="GET"),
        request_log_row(status_code=500),
        request_log_row(method="GET"),
    )
    assert await ids(api, status="5xx", method="GET", model="", user_id="") == [one]
    assert await ids(api, request_id=one) == [one]


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "6xx"},
        {"status": "x"},
        {"trace_id": "xyz"},
        {"cursor": "made-up"},
        {"from": "yesterday"},
        {"user_id": "1e400"},
        {"model": "a\0b"},
        {"outcome": "two words"},
        {"is_stream": "perhaps"},
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(api: LogApi, asked: dict[str, str]) -> None:
    answer = await api.get("/api/requests", ADMIN, asked)
    (name,) = asked
    assert not answer["success"]
    assert f"{name}:" in answer["message"]


async def test_pages_hold_everything_once_however_far_apart(api: LogApi) -> None:
    """Rows of one second, of one hour, and years apart: none twice, none left out."""
    times = [NOON_S] * 7 + [NOON_S - HOUR_S * n for n in range(9)]
    times += [NOON_S - 400 * DAY_S, NOON_S - 401 * DAY_S, NOON_S + DAY_S]
    rows = [request_log_row(created_at=time) for time in times]
    await add(api, *rows)
    newest_first = sorted(range(len(rows)), key=lambda n: (times[n], n), reverse=True)
    wanted = [rows[n].request_id for n in newest_first]
    for size in ("1", "3", "100"):
        assert await every_page(api, page_size=size) == wanted
    within = {"from": str(NOON_S - HOUR_S * 3), "to": str(NOON_S)}
    assert await every_page(api, page_size="2", **within) == [
        rows[n].request_id for n in newest_first if NOON_S - 3 * HOUR_S <= times[n] <= NOON_S
    ]


async def test_the_total_is_of_all_pages_and_told_on_the_first(api: LogApi) -> None:
    await add(api, *(request_log_row(status_code=200 + n % 2) for n in range(6)))
    first = await page(api, page_size="2")
    assert first["total"] == 6
    second = await page(api, page_size="2", cursor=first["next_cursor"])
    assert second["total"] is None
    assert (await page(api, page_size="2", status="201"))["total"] == 3


async def test_a_total_is_exact_where_the_log_counts_and_else_ends_somewhere(
    api: LogApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.logging.requests.pages.COUNTED_AT_MOST", 5)
    refund = request_log_row(group="", quota=-30, type=2)
    await add(api, refund, *(request_log_row(model_name=f"m{n % 2}") for n in range(14)))
    for asked, total in (
        ({}, 14),
        ({"model": "m1"}, 7),
        ({"model": "m%"}, 14),
        ({"user_id": "700", "key_id": "70", "workspace_id": "7", "channel_id": "3"}, 14),
        ({"from": str(NOON_S), "to": str(NOON_S)}, 14),
        ({"status": "200"}, None),
        ({"status": "200", "model": "m1"}, None),
    ):
        assert (await page(api, page_size="2", **asked))["total"] == total, asked


async def test_what_was_deleted_is_shown_nowhere_before_it_is_gone(api: LogApi) -> None:
    old, new, of_workspace = await add(
        api,
        request_log_row(created_at=NOON_S - 10),
        request_log_row(),
        request_log_row(workspace_id=8),
    )
    async with api.pool.acquire() as connection:
        await connection.execute("UPDATE log_state SET refuse_before = $1", NOON_S)
        await connection.execute("INSERT INTO log_workspace_horizons VALUES (8, $1)", NOON_S + 1)
    assert await ids(api) == [new]
    for request_id in (old, of_workspace):
        answer = await api.get(f"/api/requests/{request_id}", ADMIN)
        assert answer == {"success": False, "message": "there is no such request"}


def tried(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "channel_id": 9,
        "channel_name": "dead",
        "provider": "simulator",
        "upstream_model": "gpt-4o-mini",
        "offset_ms": 1,
        "latency_ms": 3,
        "credential_id": 90,
        "error_code": ErrorCode.UPSTREAM_CONNECTION,
    }
    return Attempt(**values | changes)


async def whole(api: LogApi, event: RequestCompleted, caller: Caller) -> Any:
    return await api.get(f"/api/requests/{event.request_id}", caller)


async def test_one_request_is_told_whole_with_its_attempts_and_its_charge(api: LogApi) -> None:
    event = request(attempts=(tried(), *request().attempts))
    await add(api, row_of(event), row_of(request()))

    told = (await whole(api, event, ADMIN))["data"]

    assert told["request_id"] == event.request_id
    assert [one["error_code"] for one in told["attempts"]] == ["upstream_connection", None]
    assert [one["channel_name"] for one in told["attempts"]] == ["dead", "primary"]
    assert told["charge"]["formula"] == "(10 + 20 completion × 1) × 1 × 1 = 30"
    assert told["charge"]["ratios"]["price_version"] == 1
    assert told["hold"]["leases"]
    assert told["cost_cents"] == "0.006000"


async def test_a_user_is_told_of_attempts_without_whose_channel_and_credential(
    api: LogApi,
) -> None:
    event = request(attempts=(tried(), *request().attempts))
    await add(api, row_of(event))
    for caller in (ADA, ADAS_KEY):
        told = (await whole(api, event, caller))["data"]
        assert [one["error_code"] for one in told["attempts"]] == ["upstream_connection", None]
        for one in told["attempts"]:
            assert not one.keys() & {"channel_name", "credential_id"}
        assert told["channel_name"] is None
        assert "leases" not in told["hold"]
        assert told["charge"]["rated_quota"] == 30


async def test_nobody_is_told_of_anothers(api: LogApi) -> None:
    event = request(user_id=701, key_id=71)
    await add(api, row_of(event))
    unknown = {"success": False, "message": "there is no such request"}
    for caller in (ADA, ADAS_KEY):
        assert await whole(api, event, caller) == unknown
    for made_up in ("x", "%00", "%ED%A0%80", "y" * 300, "00000000-0000-4000-8000-000000000000"):
        assert await api.get(f"/api/requests/{made_up}", ADMIN) == unknown


async def test_a_request_that_ended_long_after_it_began_is_found(api: LogApi) -> None:
    """Its id says when it began: a day later is looked for everywhere."""
    row = request_log_row(created_at=NOON_S + 900 * DAY_S)
    await add(api, row)
    told = await api.get(f"/api/requests/{row.request_id}", ADMIN)
    assert told["data"]["created_at"] == row.created_at
