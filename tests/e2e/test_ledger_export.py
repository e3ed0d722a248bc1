"""A ledger as a file, asked for where customers ask: through the public door."""

import csv
import io

import aiohttp

from deploy.local.stack import Stack
from tests.gateway.operator import Operator

EXPORT = "/api/billing/ledger/export"


async def test_a_customers_file_is_their_ledger(stack: Stack, operator: Operator) -> None:
    customer = await operator.customer(quota_units=5_000)
    for number in range(3):
        key = f"export-{customer.username}-{number}"
        await operator.top_up(customer.workspace_id, 1 + number, key=key)
    token = await operator.sign_in(customer.username, customer.password)
    ledger = await operator.call("GET", "/api/billing/ledger", token=token)

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{stack.relay_url()}{EXPORT}?kind=top_up") as response,
    ):
        assert (response.status, response.content_type) == (200, "text/csv")
        assert response.headers["Content-Disposition"].startswith("attachment; ")
        rows = list(csv.DictReader(io.StringIO(await response.text())))

    assert [int(row["amount_units"]) for row in rows] == [5_000, 1, 2, 3]
    assert [int(row["entry_id"]) for row in rows] == [
        item["entry_id"] for item in reversed(ledger["items"])
    ]
    for row, before in zip(rows[1:], rows, strict=False):
        assert row["prev_hash"] == before["entry_hash"]


async def test_nobody_gets_anothers(operator: Operator) -> None:
    customer = await operator.customer(quota_units=0)
    token = await operator.sign_in(customer.username, customer.password)
    status, answer = await operator.answer("GET", f"{EXPORT}?workspace_id=1", token=token)
    assert (status, answer["success"]) == (403, False)
    assert (await operator.answer("GET", EXPORT, token=""))[0] == 401
    as_key = await operator.answer("GET", EXPORT, token=customer.api_key)
    assert as_key[0] == 403
