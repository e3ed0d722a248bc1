"""What third-party tools ask of billing with a key, in the shapes that they know."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from shared.http.assertions import AssertionSigner, Caller
from tests.control_keys import control_of
from tests.integration.billing.charges import post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import USER, BillingService

SUBSCRIPTIONS = ("/v1/dashboard/billing/subscription", "/dashboard/billing/subscription")
USAGES = ("/v1/dashboard/billing/usage", "/dashboard/billing/usage")
LIMITED = replace(USER, key_id=70)
UNLIMITED = replace(USER, key_id=71)
GONE = replace(USER, key_id=72)
TERMS: dict[str, dict[str, Any]] = {
    "70": {
        "name": "laptop",
        "expires_at": "2030-01-01T00:00:00+00:00",
        "model_limits": ["gpt-4o-mini", "o3"],
    },
    "71": {"name": "server", "expires_at": None, "model_limits": None},
}


@pytest.fixture
async def control() -> AsyncIterator[tuple[str, AssertionSigner]]:
    """Control, which also says what it knows of keys."""
    signer = AssertionSigner(bytes(range(32)))

    async def terms(request: web.Request) -> web.Response:
        known = TERMS.get(request.match_info["key_id"])
        return web.json_response(known, status=404 if known is None else 200)

    async with control_of(signer, [web.get("/internal/key-terms/{key_id}", terms)]) as url:
        yield url, signer


@pytest.fixture
async def billing(
    start_billing: StartBilling,
    pool: asyncpg.Pool,
    nothing_to_charge: None,  # noqa: ARG001 - for what it does
) -> AsyncIterator[BillingService]:
    """Workspace 2 has $10 and has spent $3: $1 with a key of $4, $2 with one without a limit."""
    async with start_billing() as started:
        await pool.execute("INSERT INTO accounts (workspace_id, balance_units) VALUES (2, 5000000)")
        await post(
            pool,
            request(workspace=2, quota=500_000, key=70),
            request(workspace=2, quota=1_000_000, key=71),
        )
        await pool.execute(
            "UPDATE token_usage SET limit_units = 2000000, quota_version = 1 WHERE key_id = 70"
        )
        yield started


async def answer(billing: BillingService, path: str, caller: Caller) -> Any:
    status, body = await billing.call("GET", path, caller=caller)
    assert status == 200, body
    return body


async def test_a_subscription_is_what_may_be_spent_in_all(billing: BillingService) -> None:
    for caller, dollars, until in (
        (LIMITED, 4.0, 1_893_456_000),
        (UNLIMITED, 100_000_000, 0),
        (USER, 10.0, 0),
    ):
        for path in SUBSCRIPTIONS:
            assert await answer(billing, path, caller) == {
                "object": "billing_subscription",
                "has_payment_method": True,
                "soft_limit_usd": dollars,
                "hard_limit_usd": dollars,
                "system_hard_limit_usd": dollars,
                "access_until": until,
            }


async def test_usage_is_in_hundredths_of_a_dollar(billing: BillingService) -> None:
    for caller, cents in ((LIMITED, 100.0), (UNLIMITED, 200.0), (USER, 300.0)):
        for path in USAGES:
            asked = f"{path}?start_date=2026-01-01&end_date=2026-02-01"
            assert await answer(billing, asked, caller) == {"object": "list", "total_usage": cents}


async def test_a_keys_own_figures_and_terms(billing: BillingService) -> None:
    for path in ("/api/usage/token/", "/api/usage/token"):
        assert await answer(billing, path, LIMITED) == {
            "code": True,
            "message": "ok",
            "data": {
                "object": "token_usage",
                "name": "laptop",
                "total_granted": 2_000_000,
                "total_used": 500_000,
                "total_available": 1_500_000,
                "unlimited_quota": False,
                "model_limits": {"gpt-4o-mini": True, "o3": True},
                "model_limits_enabled": True,
                "expires_at": 1_893_456_000,
            },
        }
    unlimited = (await answer(billing, "/api/usage/token/", UNLIMITED))["data"]
    assert (unlimited["unlimited_quota"], unlimited["total_used"]) == (True, 1_000_000)
    assert (unlimited["model_limits"], unlimited["model_limits_enabled"]) == ({}, False)
    assert unlimited["expires_at"] == 0


async def test_who_may_not_is_told_in_the_dialect_of_the_path(billing: BillingService) -> None:
    for path in (*SUBSCRIPTIONS, *USAGES):
        status, body = await billing.call("GET", path, caller=None)
        assert status == 401
        assert body["error"].keys() == {"message", "type", "param", "code"}
        assert body["error"]["code"] == "invalid_api_key"
    status, body = await billing.call("GET", "/v1/dashboard/billing/subscription", caller=GONE)
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
    status, body = await billing.call("GET", "/v1/dashboard/billing/other", caller=LIMITED)
    assert (status, body["error"]["type"]) == (404, "invalid_request_error")
    for caller, expected in ((None, 401), (GONE, 401), (USER, 403)):
        status, body = await billing.call("GET", "/api/usage/token/", caller=caller)
        assert (status, body["success"]) == (expected, False)


async def test_a_page_of_another_site_may_ask_with_a_key(billing: BillingService) -> None:
    for path in (*SUBSCRIPTIONS, *USAGES, "/api/usage/token/"):
        url = billing.api_url + path
        async with billing.session.options(url) as response:
            assert response.status == 204
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        async with billing.session.get(url) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with billing.session.get(billing.api_url + "/api/billing/account") as response:
        assert "Access-Control-Allow-Origin" not in response.headers
