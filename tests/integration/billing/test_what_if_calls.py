"""`/api/billing/what-if` as admins call it: what it refuses, and a run from question to posting."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.billing.what_if.working import work_once
from tests.integration.billing.charges import COMPLETED_AT, assert_sums_agree, post
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService
from tests.integration.billing.test_what_if import COSTS, DRAFT, WOULD_COST, rated
from tests.integration.kafka.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_to_charge")
PATH = "/api/billing/what-if"
SINCE = int((COMPLETED_AT - timedelta(hours=1)).timestamp())
UNTIL = SINCE + 7200
COUNT = 30
UNSETTLED = '{"settled_by": "9223372036854775807"}'
"""Of a run whose last entries are still being written: nobody works at it."""


@pytest.fixture
async def billing(start_billing: StartBilling) -> AsyncIterator[BillingService]:
    async with start_billing() as started:
        yield started


@pytest.fixture
async def draft_id(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval(DRAFT))


@pytest.fixture
async def _charged(pool: asyncpg.Pool) -> None:
    await post(pool, *(rated(workspace=1 + number % 2) for number in range(COUNT)))


async def do(billing: BillingService, method: str, path: str, body: Any = None) -> Any:
    status, answer = await billing.call(method, path, body)
    assert (status, answer["success"]) == (200, True), answer
    return answer["data"]


async def refused(billing: BillingService, method: str, path: str, body: Any = None) -> str:
    """The message of a refusal that is no authorisation's."""
    status, answer = await billing.call(method, path, body)
    assert (status in {200, 404}, answer["success"]) == (True, False), answer
    message: str = answer["message"]
    return message


async def until_is(billing: BillingService, run_id: int, state: str) -> Any:
    async def is_so() -> bool:
        return bool((await do(billing, "GET", f"{PATH}/{run_id}"))["state"] == state)

    await until(is_so, f"the run is {state}")
    return await do(billing, "GET", f"{PATH}/{run_id}")


def question(**changes: Any) -> dict[str, Any]:
    return {"from": SINCE, "to": UNTIL, "price": {"draft_id": 1}} | changes


CALLS = [
    ("POST", PATH),
    ("GET", PATH),
    ("GET", f"{PATH}/1"),
    ("GET", f"{PATH}/1/results"),
    ("POST", f"{PATH}/1/post"),
    ("DELETE", f"{PATH}/1"),
]


async def test_only_admins_may_ask_see_post_and_call_off(
    billing: BillingService, pool: asyncpg.Pool
) -> None:
    for method, path in CALLS:
        assert (await billing.call(method, path, {}, caller=USER))[0] == 403, path
        assert (await billing.call(method, path, {}, caller=None))[0] == 401, path
    assert await pool.fetchval("SELECT count(*) FROM what_if_runs") == 0


async def test_what_is_no_question_is_refused_by_its_field(
    billing: BillingService, pool: asyncpg.Pool
) -> None:
    for body, said in (
        ({}, "from"),
        (question(price={}), "give a version_at or a draft_id, and not both"),
        (question(price={"version_at": 1, "draft_id": 1}), "and not both"),
        (question(price={"draft_id": 0}), "draft_id"),
        (question(price={"version_at": -1}), "version_at"),
        (question(price={"version_at": 10**15}), "version_at"),
        (question(to=SINCE), "from must be before to"),
        (question(to=10**11), "to must be past"),
        (question(workspace_id=2**63), "workspace_id"),
        (question(model=""), "model"),
        (question(model="a\n"), "model"),
        (question(note="n" * 257), "note"),
        (question(**{"from": "soon"}), "from"),
    ):
        assert said in await refused(billing, "POST", PATH, body), body
    assert await pool.fetchval("SELECT count(*) FROM what_if_runs") == 0


async def test_a_draft_or_a_version_that_is_not_there_is_said(billing: BillingService) -> None:
    missing = question(price={"draft_id": 4711})
    assert await refused(billing, "POST", PATH, missing) == "there is no such draft"
    early = question(price={"version_at": 1})
    assert await refused(billing, "POST", PATH, early) == "no price held at version_at"


async def test_a_run_that_is_not_there_is_said_by_every_call(billing: BillingService) -> None:
    for run_id in ("4711", "0", "x", "9" * 30, "-1", "1.0"):
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/results", None),
            ("POST", "/post", {"confirm_difference_units": 0}),
            ("DELETE", "", None),
        ):
            said = await refused(billing, method, f"{PATH}/{run_id}{path}", body)
            assert said == "there is no such run", (run_id, path)


@pytest.mark.usefixtures("_charged")
async def test_from_the_question_to_adjustments_that_are_posted_once(
    billing: BillingService, pool: asyncpg.Pool, draft_id: int
) -> None:
    run = await do(billing, "POST", PATH, question(price={"draft_id": draft_id}, note="May"))
    assert (run["entries_total"], run["note"], run["draft_id"]) == (COUNT, "May", draft_id)
    run_id = run["run_id"]
    difference = COUNT * (WOULD_COST - COSTS)

    run = await until_is(billing, run_id, "rated")

    assert (run["progress"], run["difference_units"], run["created_by"]) == (
        *(1.0, difference),
        ROOT.user_id,
    )
    listed = await do(billing, "GET", f"{PATH}?page_size=5")
    assert [each["run_id"] for each in listed["items"]] == [run_id]
    first = await do(billing, "GET", f"{PATH}/{run_id}/results?page_size=1")
    (row,) = first["items"]
    assert row["difference_units"] == row["new_units"] - row["old_units"] == difference // 2
    after = first["next_after"]
    query = f"after_workspace_id={after['workspace_id']}&after_model={after['model']}"
    rest = await do(billing, "GET", f"{PATH}/{run_id}/results?{query}")
    assert ([each["workspace_id"] for each in rest["items"]], rest["next_after"]) == ([2], None)

    for wrong, said in (
        ({}, "confirm_difference_units"),
        ({"confirm_difference_units": "1"}, "confirm_difference_units"),
        ({"confirm_difference_units": difference + 1}, f"is {difference} quota units"),
    ):
        assert said in await refused(billing, "POST", f"{PATH}/{run_id}/post", wrong)
    for _ in range(2):
        await do(billing, "POST", f"{PATH}/{run_id}/post", {"confirm_difference_units": difference})
        await until_is(billing, run_id, "posted")
    adjusted = await pool.fetch(
        "SELECT count(*) AS times, sum(amount_units)::bigint AS units FROM ledger_entries"
        " WHERE kind = 'adjustment' GROUP BY refers_to_entry_id"
    )
    assert [tuple(row) for row in adjusted] == [(1, COSTS - WOULD_COST)] * COUNT
    await assert_sums_agree(pool)
    assert "cannot be called off" in await refused(billing, "DELETE", f"{PATH}/{run_id}")


@pytest.mark.usefixtures("_charged")
async def test_a_run_that_a_billing_left_halfway_is_ended_by_the_next(
    start_billing: StartBilling, pool: asyncpg.Pool, draft_id: int
) -> None:
    async with start_billing() as billing:
        body = question(price={"draft_id": draft_id})
        whole = await do(billing, "POST", PATH, body)
        whole = await until_is(billing, whole["run_id"], "rated")
    # As it is when whoever worked at it was killed behind its second chunk.
    run_id = await pool.fetchval(
        "INSERT INTO what_if_runs (state, asked, prices, from_at, to_at, last_entry_id,"
        " entries_total, created_by) SELECT 'waiting', asked, prices, from_at, to_at,"
        " last_entry_id, entries_total, created_by FROM what_if_runs WHERE run_id = $1"
        " RETURNING run_id",
        whole["run_id"],
    )
    for _ in range(2):
        assert await work_once(pool, chunk=7)

    async with start_billing() as billing:
        run = await until_is(billing, run_id, "rated")
        results = [
            await do(billing, "GET", f"{PATH}/{each}/results") for each in (run_id, whole["run_id"])
        ]

    same = ("entries_done", "requests", "old_units", "new_units", "not_rateable", "progress")
    assert {name: run[name] for name in same} == {name: whole[name] for name in same}
    assert results[0] == results[1]


@pytest.mark.usefixtures("_charged")
async def test_a_run_that_is_called_off_stays_so(
    billing: BillingService, pool: asyncpg.Pool, draft_id: int
) -> None:
    run = await do(billing, "POST", PATH, question(price={"draft_id": draft_id}, workspace_id=9))
    run = await until_is(billing, run["run_id"], "rated")
    assert (run["entries_total"], run["difference_units"]) == (0, 0)
    path = f"{PATH}/{run['run_id']}"
    assert "cannot be called off" in await refused(billing, "DELETE", path)
    await pool.execute("UPDATE what_if_runs SET state = 'rating', asked = $1", UNSETTLED)

    for _ in range(2):
        assert (await do(billing, "DELETE", path))["state"] == "cancelled"

    said = await refused(billing, "POST", f"{path}/post", {"confirm_difference_units": 0})
    assert said == "this run is cancelled: only a run that is rated can be posted"
