"""`GET /api/requests/export`: everything, as a file, in pieces."""

import asyncio
import csv
import io
import json
import resource
from pathlib import Path
from typing import Any

import aiohttp

from services.logging.api.exports import PIECE_ROWS
from services.logging.requests.shown import BESIDE, COLUMNS
from services.logging.rows.rows import COLUMNS as ROW_COLUMNS
from shared.http.assertions import Caller
from tests.integration.logging_service.log_api import ADA, ADMIN, LogApi
from tests.made_events import NOON
from tests.made_request_rows import request_log_row
from tests.made_rows import write_rows

NOON_S = int(NOON.timestamp())
EXPORT = "/api/requests/export"


async def add(api: LogApi, count: int, **changes: Any) -> list[str]:
    """So many, one a minute into the past; their ids, newest first."""
    rows = [request_log_row(created_at=NOON_S - 60 * n, **changes) for n in range(count)]
    async with api.pool.acquire() as connection:
        await write_rows(connection, rows)
    return [row.request_id for row in rows]


async def exported(api: LogApi, caller: Caller = ADMIN, **params: str) -> tuple[str, str]:
    """Its media type and its text."""
    async with api.call("GET", EXPORT, caller, params=params) as response:
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith("attachment; ")
        return response.content_type, await response.text()


async def test_a_file_of_either_kind_has_every_request_once_and_every_column(api: LogApi) -> None:
    """More than one piece, over several days."""
    wanted = await add(api, 2 * PIECE_ROWS + 345)
    kind, text = await exported(api)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert kind == "text/csv"
    assert list(rows[0]) == [*COLUMNS, *BESIDE]
    assert [row["request_id"] for row in rows] == wanted
    assert rows[0]["created_at"] == NOON.isoformat()
    kind, text = await exported(api, format="jsonl")
    items = [json.loads(line) for line in text.splitlines()]
    assert kind == "application/jsonl"
    assert [item["request_id"] for item in items] == wanted
    page = (await api.get("/api/requests", ADMIN))["data"]["items"]
    assert items[: len(page)] == page


async def test_a_file_has_what_was_asked_for_and_what_is_ones_own(api: LogApi) -> None:
    await add(api, 3)
    bobs = await add(api, 2, user_id=701, status_code=503)
    assert len((await exported(api, ADA))[1].splitlines()) == 4
    _, text = await exported(api, ADMIN, status="5xx", format="jsonl")
    assert [json.loads(line)["request_id"] for line in text.splitlines()] == bobs
    assert (await exported(api, ADA, status="5xx", format="jsonl"))[1] == ""
    async with api.call("GET", EXPORT, None) as response:
        assert response.status == 401
    answer = await api.get(EXPORT, ADMIN, {"format": "xlsx"})
    assert not answer["success"]


async def test_no_cell_is_a_formula(api: LogApi) -> None:
    """A name is a person's, and the file is opened by somebody else."""
    await add(api, 1, token_name="=HYPERLINK(1)", user_agent="@SUM(1)")
    (row,) = csv.DictReader(io.StringIO((await exported(api))[1]))
    assert (row["api_key_name"], row["user_agent"]) == ("'=HYPERLINK(1)", "'@SUM(1)")


async def test_one_at_a_time_for_each_user(api: LogApi) -> None:
    """A reader who takes nothing does not keep the others from theirs."""
    await add(api, 20_000)
    async with api.call("GET", EXPORT, ADA) as slow:
        assert slow.status == 200
        async with api.call("GET", EXPORT, ADA) as second:
            assert (second.status, second.headers["Retry-After"]) == (429, "5")
        await exported(api, ADMIN, status="5xx")
        slow.close()

    async def is_free_again() -> bool:
        async with api.call("GET", EXPORT, ADA, params={"status": "5xx"}) as again:
            return bool(again.status == 200)

    async with asyncio.timeout(30):
        while not await is_free_again():
            await asyncio.sleep(0.05)


async def test_a_large_file_takes_no_more_memory_than_a_small_one(api: LogApi) -> None:
    """60,000 requests are 80 MB of lines, and several times that as rows."""
    (like,) = await add(api, 1)
    others = [name for name in ROW_COLUMNS if name not in {"event_id", "created_at"}]
    columns = ", ".join(f'"{name}"' for name in others)
    async with api.pool.acquire() as connection:
        await connection.execute(
            f"INSERT INTO logs (event_id, created_at, {columns})"
            f" SELECT gen_random_uuid(), created_at - n % 40000, {columns}"
            " FROM logs, generate_series(1, 59999) AS n WHERE request_id = $1",
            like,
        )
    before, most, lines = resident_bytes(), 0, 0
    async with api.call(
        "GET", EXPORT, ADMIN, params={"format": "jsonl"}, timeout=aiohttp.ClientTimeout(120)
    ) as response:
        async for chunk in response.content.iter_any():
            lines += chunk.count(b"\n")
            most = max(most, resident_bytes())
    assert lines == 60_000
    assert most - before < 40 * 1024 * 1024


def resident_bytes() -> int:
    """Of this process, in which the service runs."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
