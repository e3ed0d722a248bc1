"""`GET /api/log/explain/{request_id}`."""

from shared.events.requests import Attempt, ErrorCode, RequestCompleted
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.made_events import request
from tests.made_rows import row_of, write_rows

UNKNOWN = {"success": False, "message": "there is no such request"}


async def add(api: LogApi, *events: RequestCompleted) -> None:
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row_of(event) for event in events])


async def test_a_request_is_told_whole_by_our_id_and_by_the_upstreams(api: LogApi) -> None:
    dead = Attempt(
        channel_id=9,
        channel_name="dead",
        provider="simulator",
        upstream_model="gpt-4o-mini",
        offset_ms=1,
        latency_ms=3,
        error_code=ErrorCode.UPSTREAM_CONNECTION,
    )
    event = request(attempts=(dead, *request().attempts), upstream_request_id="chatcmpl-1")
    await add(api, event, request(), request(upstream_request_id=""))

    told = (await api.get(f"/api/log/explain/{event.request_id}", ADMIN))["data"]

    assert told["request_id"] == event.request_id
    assert [tried["error_code"] for tried in told["attempts"]] == ["upstream_connection", None]
    assert [tried["channel_name"] for tried in told["attempts"]] == ["dead", "primary"]
    assert told["charge"]["formula"] == "(10 + 20 completion × 1) × 1 × 1 = 30"
    assert told["same_upstream_id"] == []
    by_upstream = await api.get("/api/log/explain/chatcmpl-1", ADMIN)
    assert by_upstream["data"] == told


async def test_an_upstreams_id_that_repeats_names_the_others(api: LogApi) -> None:
    first, second = (request(upstream_request_id="same") for _ in range(2))
    await add(api, first, second)

    told = (await api.get("/api/log/explain/same", ADMIN))["data"]

    assert (told["request_id"], told["same_upstream_id"]) == (
        second.request_id,
        [first.request_id],
    )


async def test_what_nobody_knows(api: LogApi) -> None:
    await add(api, request(upstream_request_id=""))
    for unknown in ("no-such-id", "%00", "%ED%A0%80", "x" * 300, "%20"):
        assert await api.get(f"/api/log/explain/{unknown}", ADMIN) == UNKNOWN


async def test_what_is_being_deleted_is_told_of_no_more(api: LogApi) -> None:
    """Its row may be there for a while: a deletion holds at once."""
    event = request(upstream_request_id="chatcmpl-1")
    await add(api, event)
    await api.pool.execute(
        "UPDATE log_state SET refuse_before = $1", int(event.completed_at.timestamp()) + 1
    )

    for each in (event.request_id, "chatcmpl-1"):
        assert await api.get(f"/api/log/explain/{each}", ADMIN) == UNKNOWN


async def test_only_an_admin_may(api: LogApi) -> None:
    for caller, status in ((None, 401), (ADA, 403), (ADAS_KEY, 403)):
        async with api.call("GET", "/api/log/explain/x", caller) as response:
            assert response.status == status
