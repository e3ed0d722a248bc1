"""The ledger as its owner reads it: page by page to the end, and as a file."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest

from services.billing.ledger.exporting import COLUMNS, csv_lines
from services.billing.ledger.filters import EntryFilter
from services.billing.ledger.store_lists import stream_entries
from shared.http.assertions import ASSERTION_HEADER, Caller
from tests.integration.billing.charges import COMPLETED_AT, post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.lease_messages import fund
from tests.integration.billing.service import ROOT, USER, BillingService
from tests.integration.kafka.waiting import until

LEDGER = "/api/billing/ledger"
AT = int(COMPLETED_AT.timestamp())
MANY = 100_000
FILTERS: dict[str, dict[str, Any]] = {
    "": {},
    "kind=charge": {"kind": "charge"},
    "kind=top_up": {"kind": "top_up"},
    "key_id=8": {"key_id": 8},
    "model=gpt-4o-mini": {"model": "gpt-4o-mini"},
    f"from={AT + 1}&to={AT + 7200}": {"from": AT + 1, "to": AT + 7200},
    f"to={AT + 3600}&key_id=7": {"to": AT + 3600, "key_id": 7},
}


@pytest.fixture
async def billing(
    start_billing: StartBilling,
    nothing_to_charge: None,  # noqa: ARG001 - for what it does
) -> AsyncIterator[BillingService]:
    async with start_billing() as started:
        yield started


async def fill(pool: asyncpg.Pool) -> None:
    for n in range(30):
        at = COMPLETED_AT + timedelta(hours=n % 4)
        await post(pool, request(workspace=2, key=7 + n % 2, quota=n, completed_at=at))
        if n % 5 == 0:
            await fund(pool, 1000, workspace=2)
    await post(pool, request(workspace=3))


async def post_many(pool: asyncpg.Pool) -> None:
    """More than fits into the buffers between a service and its reader."""
    await pool.execute(
        "INSERT INTO ledger_entries (workspace_id, kind, cause, amount_units,"
        " balance_after_units, posted_at, prev_hash, entry_hash)"
        " SELECT 2, 'charge', 'request:' || n, -1, -n, now(), sha256(''), sha256('')"
        " FROM generate_series(1, $1::integer) AS n",
        MANY,
    )


async def matching(pool: asyncpg.Pool, wanted: dict[str, Any]) -> list[int]:
    """By looking at every entry."""
    rows = await pool.fetch("SELECT * FROM ledger_entries WHERE workspace_id = 2")
    return sorted(
        (
            row["entry_id"]
            for row in rows
            if all(
                row["posted_at"].timestamp() >= value
                if name == "from"
                else row["posted_at"].timestamp() < value
                if name == "to"
                else row[name] == value
                for name, value in wanted.items()
            )
        ),
        reverse=True,
    )


async def export(billing: BillingService, query: str) -> tuple[Any, str]:
    headers = {ASSERTION_HEADER: billing.signer.sign(USER, audience="billing")}
    url = f"{billing.api_url}{LEDGER}/export?{query}"
    async with billing.session.get(url, headers=headers) as response:
        return response, await response.text()


async def test_pages_and_files_have_what_looking_at_every_entry_finds(
    billing: BillingService,
) -> None:
    await fill(billing.pool)
    for query, wanted in FILTERS.items():
        expected = await matching(billing.pool, wanted)
        found, cursor = [], ""
        while True:
            path = f"{LEDGER}?page_size=4&{query}{cursor}"
            _, answer = await billing.call("GET", path, caller=USER)
            page = answer["data"]
            assert page["total"] == (None if cursor else len(expected)), query
            found += [item["entry_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == expected, query
        _, text = await export(billing, query)
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [int(row["entry_id"]) for row in rows] == expected[::-1], query


async def test_a_file_says_what_the_ledger_has(billing: BillingService) -> None:
    await fund(billing.pool, 1000, workspace=2)
    event = request(workspace=2, quota=7)
    await post(billing.pool, event.model_copy(update={"requested_model": '=1+1,"x"'}))
    response, text = await export(billing, "")
    assert response.content_type == "text/csv"
    assert response.headers["Content-Disposition"] == 'attachment; filename="ledger-2.csv"'
    top_up, charge = csv.DictReader(io.StringIO(text))
    assert tuple(charge) == COLUMNS
    assert (top_up["kind"], top_up["amount_units"]) == ("top_up", "1000")
    assert (charge["amount_units"], charge["balance_after_units"]) == ("-7", "993")
    assert charge["request_id"] == event.request_id
    assert charge["model"] == '\'=1+1,"x"', "a spreadsheet would reckon it"
    assert datetime.fromisoformat(charge["posted_at"]) == COMPLETED_AT.replace(microsecond=0)
    assert charge["prev_hash"] == top_up["entry_hash"]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=AAAAAAAAAAA", "kind=gift", "from=-1", "to=x", "key_id=0"]
)
async def test_a_wrong_query_is_told(billing: BillingService, query: str) -> None:
    status, answer = await billing.call("GET", f"{LEDGER}?{query}", caller=USER)
    assert (status, answer["success"]) == (200, False)


async def test_anothers_file_is_an_admins(billing: BillingService) -> None:
    path = f"{LEDGER}/export?workspace_id=1"
    assert (await billing.call("GET", path, caller=USER))[0] == 403
    assert (await billing.call("GET", path, caller=None))[0] == 401
    headers = {ASSERTION_HEADER: billing.signer.sign(ROOT, audience="billing")}
    async with billing.session.get(billing.api_url + path, headers=headers) as response:
        assert response.content_type == "text/csv"


async def test_a_hundred_thousand_entries_take_no_more_memory_than_a_few(
    pool: asyncpg.Pool,
) -> None:
    await post_many(pool)
    lines, peak = 0, 0
    async with pool.acquire() as connection:
        tracemalloc.start()
        try:
            async for entries in stream_entries(connection, EntryFilter(workspace_id=2)):
                lines += csv_lines(entries).count(b"\n")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert lines == MANY
    assert peak < 5_000_000


@asynccontextmanager
async def reading_nothing(
    billing: BillingService, caller: Caller
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An export whose reader takes what fits into buffers, and then no more."""
    headers = {ASSERTION_HEADER: billing.signer.sign(caller, audience="billing")}
    url = f"{billing.api_url}{LEDGER}/export?workspace_id=2"
    async with billing.session.get(url, headers=headers) as response:
        assert response.status == 200
        yield response


async def test_a_third_export_at_once_is_told_when_to_come_again(billing: BillingService) -> None:
    await post_many(billing.pool)
    path = f"{LEDGER}/export"

    async def is_served() -> bool:
        headers = {ASSERTION_HEADER: billing.signer.sign(ROOT, audience="billing")}
        url = f"{billing.api_url}{path}?workspace_id=3"
        async with billing.session.get(url, headers=headers) as response:
            return response.status == 200 and (await response.read()).startswith(b"entry_id,")

    async with reading_nothing(billing, USER), reading_nothing(billing, ROOT):
        third = replace(USER, user_id=3, workspace_id=3)
        headers = {ASSERTION_HEADER: billing.signer.sign(third, audience="billing")}
        async with billing.session.get(billing.api_url + path, headers=headers) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
            assert (await refused.json())["success"] is False
    await until(is_served, "the readers are gone, and so are their exports")


async def test_who_reads_slowly_keeps_only_themselves_waiting(billing: BillingService) -> None:
    await post_many(billing.pool)
    async with reading_nothing(billing, USER):
        assert (await billing.call("GET", f"{LEDGER}/export", caller=USER))[0] == 429
        async with reading_nothing(billing, ROOT):
            pass


async def test_who_has_all_of_an_export_may_ask_for_the_next_at_once(
    billing: BillingService,
) -> None:
    await fill(billing.pool)
    headers = {ASSERTION_HEADER: billing.signer.sign(USER, audience="billing")}
    for number in range(40):
        ask = billing.session.head if number % 2 else billing.session.get
        async with ask(f"{billing.api_url}{LEDGER}/export", headers=headers) as response:
            await response.read()
            assert (response.status, response.content_type) == (200, "text/csv")


async def test_an_export_that_cannot_go_on_is_visibly_cut(billing: BillingService) -> None:
    await post_many(billing.pool)
    async with reading_nothing(billing, USER) as response:

        async def is_ended() -> bool:
            return bool(
                await billing.pool.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND state = 'idle in transaction'"
                    " AND query LIKE '%FROM ledger_entries WHERE%'"
                )
            )

        await until(is_ended, "its connection to the database is ended")
        with pytest.raises((aiohttp.ClientError, OSError)):
            await response.read()

    async def is_whole() -> bool:
        _, text = await export(billing, "")
        return text.count("\n") == 1 + MANY

    await until(is_whole, "the next export is whole")
