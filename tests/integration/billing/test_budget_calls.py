"""`/api/billing/budgets` as people call it, and what relays and the audit hear of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.events.directory import ProjectChanged, WorkspaceChanged
from shared.events.routing import Status
from shared.http.assertions import Caller
from shared.kafka.producer import IdempotentProducer
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService, listed
from tests.integration.kafka.waiting import until

OF_BUDGETS = {
    "id",
    "workspace_id",
    "provider_id",
    "project_id",
    "name",
    "description",
    "amount_cents",
    "period",
    "current_spent_cents",
    "period_start_date",
    "period_end_date",
    "is_hard_limit",
    "alert_thresholds",
    "last_alert_threshold",
    "is_active",
    "created_at",
    "updated_at",
}
OF_HISTORY = {
    "id",
    "budget_id",
    "period_start_date",
    "period_end_date",
    "budget_amount_cents",
    "actual_spent_cents",
    "request_count",
    "error_count",
    "created_at",
}
pytestmark = pytest.mark.usefixtures("nothing_to_charge")
PATH = "/api/billing/budgets"
WANTED = {"name": "research", "amount_cents": 500, "period": "MONTHLY"}


@pytest.fixture
async def billing(
    start_billing: StartBilling, producer: IdempotentProducer
) -> AsyncIterator[BillingService]:
    """With a workspace of its user's in Tokyo, and a project in it."""
    workspace = WorkspaceChanged(
        workspace_id=USER.workspace_id,
        name="Ann's",
        slug="ann",
        owner_user_id=USER.user_id,
        status=Status.ENABLED,
        timezone="Asia/Tokyo",
    )
    project = ProjectChanged(project_id=31, workspace_id=USER.workspace_id, name="p")
    await producer.send_all(
        [
            listed(f"workspace:{USER.workspace_id}", workspace),
            listed("project:31", project),
        ]
    )
    async with start_billing() as started:
        yield started


async def do(billing: BillingService, method: str, path: str, body: Any = None, **who: Any) -> Any:
    status, answer = await billing.call(method, path, body, caller=who.get("caller", USER))
    assert (status, answer["success"]) == (200, True), answer
    return answer["data"]


async def refused(
    billing: BillingService, method: str, path: str, body: Any = None, caller: Caller = USER
) -> str:
    _, answer = await billing.call(method, path, body, caller=caller)
    assert answer["success"] is False
    return str(answer["message"])


async def test_a_budget_is_made_read_changed_and_taken_away(billing: BillingService) -> None:
    made = await do(billing, "POST", PATH, WANTED | {"project_id": 31, "is_hard_limit": True})
    assert made.keys() >= OF_BUDGETS
    assert (made["timezone"], made["workspace_id"]) == ("Asia/Tokyo", USER.workspace_id)
    assert (made["current_spent_cents"], made["alert_thresholds"]) == (0, [50, 80, 100])
    assert made["period_start_date"].endswith("-01")
    path = f"{PATH}/{made['id']}"
    assert await do(billing, "GET", path) == made
    assert await do(billing, "GET", PATH) == [made]
    changed = await do(billing, "PUT", path, {"amount_cents": 9, "alert_thresholds": [90, 10, 90]})
    assert (changed["amount_cents"], changed["alert_thresholds"]) == (9, [10, 90])
    await do(billing, "PUT", path, {"period": "DAILY"})
    history = await do(billing, "GET", f"{path}/history?page_size=1")
    (past,) = history["items"]
    assert past.keys() >= OF_HISTORY
    assert (past["budget_amount_cents"], past["period"]) == (9, "MONTHLY")
    before = history["next_before"]
    assert (await do(billing, "GET", f"{path}/history?before={before}"))["items"] == []
    marks = "SELECT count(*) FROM state_outbox WHERE topic = 'billing.budgets'"
    await until(lambda: _is_none(billing, marks), "relays are told")
    await do(billing, "DELETE", path)
    assert await refused(billing, "GET", path) == "budget not found"
    assert await do(billing, "GET", PATH) == []


async def _is_none(billing: BillingService, count: str) -> bool:
    return bool(await billing.pool.fetchval(count) == 0)


async def test_budgets_are_their_workspaces_and_admins(billing: BillingService) -> None:
    made = await do(billing, "POST", PATH, WANTED)
    path = f"{PATH}/{made['id']}"
    eve = Caller(user_id=3, username="eve", role=USER.role, workspace_id=3)
    for method in ("GET", "PUT", "DELETE"):
        body = {"name": "mine"} if method == "PUT" else None
        assert await refused(billing, method, path, body, eve) == "budget not found"
    query = f"{PATH}?workspace_id={USER.workspace_id}"
    assert "administrator" in await refused(billing, "GET", query, caller=eve)
    assert await do(billing, "GET", query, caller=ROOT) == [made]
    assert (await do(billing, "PUT", path, {"name": "x"}, caller=ROOT))["name"] == "x"


async def test_what_makes_no_budget_is_said(billing: BillingService) -> None:
    for wrong, why in (
        ({"amount_cents": -1}, "amount_cents"),
        ({"amount_cents": 1.5}, "amount_cents"),
        ({"amount_cents": 10**12}, "amount_cents"),
        ({"period": "HOURLY"}, "period"),
        ({"name": ""}, "name"),
        ({"alert_thresholds": [0]}, "alert_thresholds"),
        ({"project_id": 99}, "project not found"),
    ):
        assert why in await refused(billing, "POST", PATH, WANTED | wrong)
    assert "name" in await refused(billing, "POST", PATH, {})


async def test_a_budget_stays_one_of_what_it_is_and_there_are_not_too_many(
    billing: BillingService,
) -> None:
    made = await do(billing, "POST", PATH, WANTED | {"provider_id": 4})
    path = f"{PATH}/{made['id']}"
    message = await refused(billing, "PUT", path, {"provider_id": 5})
    assert message == "what a budget is of cannot be changed; make another one"
    assert await refused(billing, "PUT", path, {"provider_id": 4}) == "nothing to change"
    for _ in range(6):
        await do(billing, "POST", PATH, WANTED | {"is_hard_limit": True})
    for method, where, body in (
        ("POST", PATH, WANTED | {"is_hard_limit": True}),
        ("PUT", path, {"is_hard_limit": True}),
    ):
        assert "at most 6 budgets with a hard limit" in await refused(billing, method, where, body)
    for _ in range(13):
        await do(billing, "POST", PATH, WANTED)
    assert "at most 20 budgets" in await refused(billing, "POST", PATH, WANTED)
