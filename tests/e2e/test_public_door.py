"""The one public door: what it passes on, and what it never does."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from yarl import URL

from deploy.local.stack import Stack
from shared.events.directory import Role
from shared.http.assertions import ASSERTION_HEADER, AssertionSigner, Caller
from tests.gateway.operator import Operator


@pytest.mark.parametrize(
    "path",
    [
        "/internal/assertion-keys",
        "/api/../internal/assertion-keys",
        "/api/%2e%2e/internal/assertion-keys",
        "/api/user/..%2f..%2finternal/assertion-keys",
        "/api//internal/assertion-keys",
        "/%69nternal/assertion-keys",
        "/api/user/%2e%2e/%2e%2e/internal/assertion-keys",
        "/api\\internal\\assertion-keys",
        "/metrics",
        "/health/ready",
    ],
)
async def test_no_path_leads_to_the_internal_side(stack: Stack, path: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(URL(stack.relay_url() + path, encoded=True)) as response,
    ):
        assert response.status in (400, 404), await response.text()
        assert b"keys" not in await response.read()


async def test_internal_calls_need_a_credential(stack: Stack) -> None:
    async with aiohttp.ClientSession() as http:
        for service, path in (
            ("control", "/internal/assertion-keys"),
            ("control", "/internal/keys/" + "0" * 64),
            ("billing", "/internal/leases"),
        ):
            for headers in ({}, {"Authorization": "Bearer relay:wrong"}):
                async with http.post(
                    stack.internal_url(service) + path, json={}, headers=headers
                ) as response:
                    assert response.status == 401


async def test_an_assertion_from_outside_is_stripped(stack: Stack) -> None:
    """Even a valid one: the relay forwards only what control signed for this call."""
    async with aiohttp.ClientSession() as http:
        headers = {ASSERTION_HEADER: "anything", "X-LedgerLine-Assertion": "anything"}
        async with http.get(f"{stack.relay_url()}/api/log/", headers=headers) as response:
            assert response.status == 401


async def test_forged_and_expired_assertions_are_refused_by_every_owner(stack: Stack) -> None:
    """Straight at the owners' ports, as somebody inside the network could try."""
    root = Caller(user_id=1, username="root", role=Role.ROOT, workspace_id=1)
    forger = AssertionSigner(b"f" * 32)
    real = AssertionSigner(base64.b64decode(stack.secrets.signing_seed))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    paths = {"control": "/api/user/", "billing": "/api/billing/leases", "logging": "/api/log/"}
    async with aiohttp.ClientSession() as http:
        for service, path in paths.items():
            tokens = {
                "forged": forger.sign(root, audience=service),
                "expired": real.sign(root, audience=service, now=long_ago),
                "for another": real.sign(root, audience="elsewhere"),
            }
            for kind, token in tokens.items():
                async with http.get(
                    stack.api_url(service) + path, headers={ASSERTION_HEADER: token}
                ) as response:
                    assert response.status == 401, (service, kind)
            good = {ASSERTION_HEADER: real.sign(root, audience=service)}
            async with http.get(stack.api_url(service) + path, headers=good) as response:
                assert response.status == 200, service


async def test_the_log_of_a_key_can_be_read_with_it(stack: Stack, operator: Operator) -> None:
    """By anyone who has the key; from any origin; and the key goes no further than the door."""
    customer = await operator.customer(quota_units=1_000_000)
    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{stack.relay_url()}/v1/chat/completions",
            json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]},
            headers={"Authorization": f"Bearer {customer.api_key}"},
        ) as response:
            assert response.status == 200
        url = f"{stack.relay_url()}/api/log/token"
        async with asyncio.timeout(60):
            while True:
                async with http.get(url, params={"key": customer.api_key}) as response:
                    answer = await response.json()
                    assert response.headers["Access-Control-Allow-Origin"] == "*"
                if answer["success"] and answer["data"]:
                    break
                await asyncio.sleep(0.05)
        assert answer["data"][0]["model_name"] == "gpt-4o-mini"
        async with http.get(url, params={"key": "sk-unknown"}) as response:
            answer = await response.json()
        assert answer == {"success": False, "message": "Token不存在或无权限"}
        async with http.options(url, headers={"Origin": "https://elsewhere.example"}) as response:
            assert response.status in (200, 204)
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
