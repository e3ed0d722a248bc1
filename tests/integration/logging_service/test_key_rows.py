"""`GET /api/log/token`: for a key, from any site."""

from typing import Any

from tests.integration.logging_service.log_api import ADA, ADAS_KEY, LogApi
from tests.made_events import request
from tests.made_rows import row_of, write_rows

PATH = "/api/log/token"
NO_SUCH_KEY = {"success": False, "message": "Token不存在或无权限"}


def check_cors(response: Any) -> None:
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    allowed = response.headers["Access-Control-Allow-Headers"]
    assert {"Content-Type", "Authorization"} <= set(allowed.split(", "))


async def test_a_key_sees_its_newest_thousand_rows_and_no_others(api: LogApi) -> None:
    own = [request() for _ in range(1_001)]
    others = [request(key_id=71) for _ in range(3)]
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row_of(event) for event in own + others])

    async with api.call("GET", PATH, ADAS_KEY) as response:
        check_cors(response)
        answer = await response.json()

    rows = answer["data"]
    assert [row["request_id"] for row in rows] == [event.request_id for event in own[:0:-1]]
    assert {"id", "type", "content", "model_name", "quota", "created_at"} <= rows[0].keys()
    assert rows[0]["channel_name"] == ""
    assert "admin_info" not in rows[0]["other"]


async def test_without_a_key_the_failure_can_be_read_from_any_site(api: LogApi) -> None:
    for caller in (None, ADA):
        async with api.call("GET", PATH, caller) as response:
            assert response.status == 200
            check_cors(response)
            assert await response.json() == NO_SUCH_KEY


async def test_a_page_of_another_site_may_ask_first(api: LogApi) -> None:
    asks = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with api.call("OPTIONS", PATH, None, headers=asks) as response:
        assert response.status == 204
        check_cors(response)
        assert "GET" in response.headers["Access-Control-Allow-Methods"]


async def test_a_forged_assertion_is_refused_readably(api: LogApi) -> None:
    forged = {"x-ledgerline-assertion": "forged"}
    async with api.call("GET", PATH, None, headers=forged) as response:
        assert response.status == 401
        check_cors(response)


async def test_other_calls_are_not_for_other_sites(api: LogApi) -> None:
    async with api.call("GET", "/api/log/self", ADA) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
