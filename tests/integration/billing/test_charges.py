"""`GET /api/billing/charges/{request_id}`: who may ask, and what the ledger tells."""

from collections.abc import AsyncIterator

import pytest

from shared.http.assertions import Caller
from tests.integration.billing.charges import post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService
from tests.integration.billing.test_refunds import give_back


@pytest.fixture
async def billing(
    start_billing: StartBilling,
    nothing_to_charge: None,  # noqa: ARG001 - for what it does
) -> AsyncIterator[BillingService]:
    async with start_billing() as started:
        yield started


@pytest.mark.parametrize("caller", [ROOT, USER])
async def test_a_charge_is_told_to_its_workspace_and_to_admins(
    billing: BillingService, caller: Caller
) -> None:
    event = request(workspace=2, quota=50, hold=20)
    await post(billing.pool, event)
    await give_back(billing.pool, event, units=20)

    _, answer = await billing.call("GET", f"/api/billing/charges/{event.request_id}", caller=caller)

    charge = answer["data"]
    assert (charge["amount_units"], charge["excess_units"], charge["key_id"]) == (-50, 30, 7)
    assert (charge["balance_before_units"], charge["balance_after_units"]) == (0, -50)
    assert charge["request_id"] == event.request_id
    assert (charge["net_units"], charge["refunds"][0]["amount_units"]) == (30, 20)
    assert charge["refunds"][0]["reason"] == "it was bad"
    assert len(charge["entry_hash"]) == len(charge["prev_hash"]) == 64


async def test_anothers_charge_is_like_one_that_is_not_there(billing: BillingService) -> None:
    event = request(workspace=3)
    await post(billing.pool, event)
    answers = [
        await billing.call("GET", f"/api/billing/charges/{asked}", caller=USER)
        for asked in (event.request_id, "no-such-id", "%00", "x" * 300)
    ]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert answers[0][1] == {
        "success": False,
        "message": "the ledger has no charge for this request",
    }
    assert (await billing.call("GET", "/api/billing/charges/x", caller=None))[0] == 401
