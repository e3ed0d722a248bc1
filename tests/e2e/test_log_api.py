"""The Log API and what third-party tools call, through the door, after one request."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import operations
from deploy.local.environment import program_environment
from deploy.local.stack import Stack
from tests.gateway.operator import MODEL, Customer, Operator
from tests.written_sums import added_up, rounded

TOP_UP = 5_000_000


class Asked:
    """A customer who made one request, and what it cost."""

    def __init__(self, customer: Customer, token: str, request_id: str, row: Any) -> None:
        self.customer = customer
        self.token = token
        self.request_id = request_id
        self.row = row


async def until(is_so: Callable[[], Awaitable[Any]]) -> Any:
    """What it answers as soon as that is true."""
    async with asyncio.timeout(30):
        while True:
            if found := await is_so():
                return found
            await asyncio.sleep(0.05)


@pytest.fixture
async def asked(stack: Stack, operator: Operator) -> Asked:
    customer = await operator.customer(quota_units=TOP_UP)
    token = await operator.sign_in(customer.username, customer.password)
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}/v1/chat/completions",
            json={"model": MODEL, "messages": [{"role": "user", "content": "hi"}]},
            headers={
                "Authorization": f"Bearer {customer.api_key}",
                "X-Ledgerline-Tags": "team=search",
            },
        ) as response,
    ):
        assert response.status == 200, await response.text()
        request_id = response.headers["x-request-id"]

    async def row() -> Any:
        page = await operator.call("GET", "/api/log/self?type=2", token=token)
        return page["items"][0] if page["items"] else None

    async def is_charged() -> bool:
        _, answer = await operator.answer("GET", f"/api/billing/charges/{request_id}")
        return bool(answer["success"])

    found = await until(row)
    await until(is_charged)
    return Asked(customer, token, request_id, found)


async def test_the_eight_calls_agree_about_a_request(operator: Operator, asked: Asked) -> None:
    row, name = asked.row, asked.customer.username
    assert json.loads(row["other"])["tags"] == {"team": "search"}
    assert json.loads(row["other"])["trace"]
    tokens = row["prompt_tokens"] + row["completion_tokens"]
    stats = {"quota": row["quota"], "rpm": 1, "tpm": tokens}

    assert await operator.call("GET", "/api/log/self/stat", token=asked.token) == stats
    assert await operator.call("GET", f"/api/log/stat?username={name}") == stats
    found = await operator.call("GET", f"/api/log/self/search?keyword={MODEL}", token=asked.token)
    assert [item["id"] for item in found] == [row["id"]]
    (whole,) = await operator.call("GET", f"/api/log/search?keyword=CALL&username={name}")
    assert whole["id"] == row["id"]
    assert json.loads(whole["other"])["admin_info"]["attempts"][0]["http_status"] == 200
    page = await operator.call("GET", f"/api/log/?username={name}&type=2&page_size=5")
    assert (page["total"], page["items"][0]["id"]) == (1, row["id"])


async def test_a_request_is_explained_by_both_services_and_on_one_page(
    stack: Stack, operator: Operator, asked: Asked
) -> None:
    told = await operator.call("GET", f"/api/log/explain/{asked.request_id}")
    charge = await operator.call("GET", f"/api/billing/charges/{asked.request_id}")

    assert told["charge"]["rated_quota"] == told["charge"]["quota"] == asked.row["quota"]
    assert charge["amount_units"] == -asked.row["quota"]
    assert charge["balance_before_units"] == TOP_UP
    assert charge["formula"] == told["charge"]["formula"]
    by_hand, _, _ = charge["formula"].partition(" = ")
    assert rounded(added_up(by_hand)) == -charge["amount_units"] == charge["rated_quota"]
    assert charge["inputs"]["prompt"] == asked.row["prompt_tokens"]
    assert charge["attempts"][0]["http_status"] == 200
    assert charge["source"]["leases"] == told["hold"]["leases"]
    users = await operator.call(
        "GET", f"/api/billing/charges/{asked.request_id}", token=asked.token
    )
    assert users["formula"] == charge["formula"]
    assert "channel_name" not in users["attempts"][0]
    by_upstream = await operator.call("GET", f"/api/log/explain/{told['upstream_request_id']}")
    assert by_upstream == told
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.explain", asked.request_id),
        env=program_environment() | {"LEDGERLINE_RECONCILE_DSN": stack.dsn("reconcile")},
        cwd=Path(operations.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert told["charge"]["formula"] in out.decode()
    assert told["hold"]["leases"][0]["lease_id"] in out.decode()


async def test_a_clean_up_is_an_action_that_the_logs_tell_of(operator: Operator) -> None:
    assert await operator.call("DELETE", "/api/log/?target_timestamp=1000") == 0
    status, answer = await operator.answer("DELETE", "/api/log/")
    assert (status, answer) == (
        200,
        {"success": False, "message": "target timestamp is required"},
    )

    async def is_told() -> bool:
        page = await operator.call("GET", "/api/log/?type=3&page_size=100")
        return any(item["content"].startswith("log.delete") for item in page["items"])

    await until(is_told)


async def test_what_tools_ask_with_a_key(stack: Stack, operator: Operator, asked: Asked) -> None:
    spent = asked.row["quota"]
    key = {"Authorization": f"Bearer {asked.customer.api_key}"}
    session = {"Authorization": f"Bearer {asked.token}"}

    async def get(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(stack.relay_url() + path, headers=headers) as response,
        ):
            return response.status, await response.json()

    for prefix in ("/v1/dashboard/billing", "/dashboard/billing"):
        status, unlimited = await get(f"{prefix}/subscription", key)
        assert (status, unlimited["hard_limit_usd"]) == (200, 100_000_000)
        _, own = await get(f"{prefix}/subscription", session)
        assert own["hard_limit_usd"] == TOP_UP / 500_000
        for headers in (key, session):
            _, used = await get(f"{prefix}/usage", headers)
            assert used == {"object": "list", "total_usage": pytest.approx(spent / 5_000)}
        for headers in ({}, {"Authorization": "Bearer sk-" + "x" * 48}):
            status, refused = await get(f"{prefix}/usage", headers)
            assert (status, refused["error"]["code"]) == (401, "invalid_api_key")
    _, usage = await get("/api/usage/token/", key)
    assert (usage["code"], usage["data"]["total_used"]) == (True, spent)
    assert (usage["data"]["name"], usage["data"]["unlimited_quota"]) == ("test", True)
    hours = await operator.call("GET", "/api/data/self", token=asked.token)
    assert [(hour["quota"], hour["count"]) for hour in hours] == [(spent, 1)]
    named = await operator.call("GET", f"/api/data/?username={asked.customer.username}")
    assert named == hours


async def test_a_key_that_is_over_reads_its_own_rows_and_a_disabled_one_does_not(
    stack: Stack, operator: Operator, asked: Asked
) -> None:
    async def rows(**options: Any) -> Any:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{stack.relay_url()}/api/log/token", **options) as response,
        ):
            assert response.status == 200
            return await response.json()

    key = {"id": asked.customer.key_id}
    bearer = {"headers": {"Authorization": f"Bearer {asked.customer.api_key}"}}
    expired = key | {"name": "test", "unlimited_quota": True, "expired_time": 1_000_000_000}
    await operator.call("PUT", "/api/token/", expired, token=asked.token)
    for shown in (bearer, {"params": {"key": asked.customer.api_key}}):
        answer = await rows(**shown)
        assert [row["request_id"] for row in answer["data"]] == [asked.request_id]
    await operator.call(
        "PUT", "/api/token/?status_only=true", key | {"status": 2}, token=asked.token
    )

    async def is_refused() -> bool:
        return bool(await rows(**bearer) == {"success": False, "message": "Token不存在或无权限"})

    await until(is_refused)
