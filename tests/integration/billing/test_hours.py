"""`GET /api/data/` and `/api/data/self`: use by the hour, and it sums to the ledger."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.integration.billing.charges import post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService

NOW = datetime.now(UTC).replace(minute=30)
DAY = timedelta(days=1)


def at(moment: datetime) -> str:
    return str(int(moment.timestamp()))


@pytest.fixture
async def billing(
    start_billing: StartBilling,
    pool: asyncpg.Pool,
    nothing_to_charge: None,  # noqa: ARG001 - for what it does
) -> AsyncIterator[BillingService]:
    """User 2 used two hours of the last days, and something long ago; user 3 one."""
    async with start_billing() as started:
        await post(
            pool,
            request(workspace=2, quota=5, completed_at=NOW - 2 * DAY),
            request(workspace=2, quota=6, completed_at=NOW - 2 * DAY + timedelta(minutes=20)),
            request(workspace=2, quota=7, completed_at=NOW - DAY),
            request(workspace=2, quota=100, completed_at=NOW - 60 * DAY),
            request(workspace=3, quota=9, completed_at=NOW - DAY),
        )
        yield started


async def hours(billing: BillingService, path: str, caller: Any = USER) -> list[dict[str, Any]]:
    status, answer = await billing.call("GET", path, caller=caller)
    assert (status, answer["success"]) == (200, True), answer
    rows: list[dict[str, Any]] = answer["data"]
    return rows


async def test_a_user_sees_own_hours_of_the_last_month(billing: BillingService) -> None:
    rows = await hours(billing, "/api/data/self")

    assert [(row["quota"], row["count"], row["token_used"]) for row in rows] == [
        (11, 2, 14),
        (7, 1, 7),
    ]
    assert all(row["created_at"] % 3600 == 0 for row in rows)
    assert rows[0].keys() == {
        *("id", "user_id", "username", "model_name", "created_at", "token_used", "count", "quota")
    }
    assert (rows[0]["user_id"], rows[0]["username"]) == (2, "user 2")
    assert await hours(billing, "/api/data/self?username=user%203") == rows


async def test_a_span_may_be_thirty_days_and_no_longer(billing: BillingService) -> None:
    end = NOW - 40 * DAY
    month = f"start_timestamp={at(end - 30 * DAY)}&end_timestamp={at(end)}"
    longer = f"start_timestamp={at(end - 30 * DAY - timedelta(seconds=1))}&end_timestamp={at(end)}"

    assert [row["quota"] for row in await hours(billing, f"/api/data/self?{month}")] == [100]
    _, answer = await billing.call("GET", f"/api/data/self?{longer}", caller=USER)
    assert answer == {"success": False, "message": "the span may be 30 days at the most"}


async def test_a_span_begins_with_the_hour_that_its_start_lies_in(billing: BillingService) -> None:
    start = (NOW - DAY).replace(minute=59)
    end = start.replace(minute=59, second=59)

    rows = await hours(
        billing, f"/api/data/self?start_timestamp={at(start)}&end_timestamp={at(end)}"
    )

    assert [row["quota"] for row in rows] == [7]


async def test_an_admin_sees_everybodys_sums_or_one_users(billing: BillingService) -> None:
    everything = f"start_timestamp=1&end_timestamp={at(NOW)}"

    rows = await hours(billing, f"/api/data/?{everything}", ROOT)
    ledger = await billing.pool.fetchrow(
        "SELECT -sum(amount_units)::bigint AS quota, count(*) AS count FROM ledger_entries"
    )
    assert ledger is not None
    assert sum(row["quota"] for row in rows) == ledger["quota"] == 127
    assert sum(row["count"] for row in rows) == ledger["count"]
    assert [row["quota"] for row in rows] == [100, 11, 16], "both users of an hour together"
    named = await hours(billing, f"/api/data?{everything}&username=user%203", ROOT)
    assert [(row["user_id"], row["username"], row["quota"]) for row in named] == [(3, "user 3", 9)]
    assert await hours(billing, f"/api/data/?{everything}&username=nobody", ROOT) == []


async def test_who_may_not(billing: BillingService) -> None:
    assert (await billing.call("GET", "/api/data/", caller=USER))[0] == 403
    assert (await billing.call("GET", "/api/data/", caller=None))[0] == 401
    assert (await billing.call("GET", "/api/data/self", caller=None))[0] == 401


async def test_odd_queries_are_answered_in_the_envelope(billing: BillingService) -> None:
    for query in (
        "start_timestamp=x",
        "end_timestamp=-1",
        "start_timestamp=99999999999999999999",
        "end_timestamp=9223372036854775807",
        "username=%00",
        "start_timestamp=&end_timestamp=",
    ):
        for path, caller in (("/api/data/", ROOT), ("/api/data/self", USER)):
            status, answer = await billing.call("GET", f"{path}?{query}", caller=caller)
            assert status == 200, query
            assert answer["success"] or answer["message"]
