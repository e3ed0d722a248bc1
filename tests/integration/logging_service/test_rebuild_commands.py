"""What was there before there were sums is added up by itself; the commands say what they do."""

import asyncio
import json
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import asyncpg
import pytest

from services.logging.rebuild.checking import check
from services.logging.rebuild.commands import add_commands, run_command
from services.logging.rebuild.dirty import DirtyHours
from services.logging.rebuild.hours import HourRebuilder
from services.logging.rebuild.rebuilt import Rebuilt
from services.logging.rows.rows import LogRow
from shared.postgres.pool import open_pool
from shared.postgres.retrying import DATABASE_AWAY
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.service import LoggingService
from tests.made_rows import write_rows
from tests.stack_fixtures import Database

HOUR = 3_600


def _rows(hours_ago: int, count: int = 5) -> list[LogRow]:
    """Of a release that had no columns for a request's end."""
    created_at = int(time.time()) // HOUR * HOUR - hours_ago * HOUR
    return [
        LogRow(
            event_id=f"01a2073f-ffd9-71b5-9d24-{hours_ago * 1_000 + number:012x}",
            workspace_id=7,
            user_id=700,
            created_at=created_at + number,
            type=2,
            content="API call succeeded",
            group="default",
            quota=3,
            token_id=70,
            other=json.dumps({"outcome": "succeeded", "http_status": 200, "latency_ms": 100}),
        )
        for number in range(count)
    ]


async def _mark(pool: asyncpg.Pool, rows: list[LogRow]) -> int:
    hour = rows[0].created_at // HOUR * HOUR
    async with pool.acquire() as connection:
        await write_rows(connection, rows)
        await connection.execute(
            "INSERT INTO log_dirty_hours (bucket, reason) VALUES ($1, 'from before')", hour
        )
    return hour


@pytest.fixture
async def marked(pool: asyncpg.Pool) -> tuple[int, int]:
    """Two hours, before the service starts: an old one and the present one."""
    return await _mark(pool, _rows(30)), await _mark(pool, _rows(0))


async def test_marked_hours_are_added_up_as_the_service_starts_but_not_the_present_one(
    marked: tuple[int, int], pool: asyncpg.Pool, service: LoggingService
) -> None:
    old, young = marked

    async def is_done() -> bool:
        marked = await service.pool.fetch("SELECT bucket FROM log_dirty_hours")
        return [row["bucket"] for row in marked] == [young]

    await until(is_done, "the old hour is added up")
    row = await pool.fetchrow("SELECT * FROM usage_hourly WHERE hour = $1", old)
    assert row is not None
    assert (row["request_count"], row["success_count"], row["quota"]) == (5, 5, 15)
    assert row["min_latency_ms"] == row["max_latency_ms"] == 100
    found = await check(pool, old, old + HOUR)
    assert found.is_clean, list(found.as_text())


async def test_only_one_process_adds_up_what_is_marked(pool: asyncpg.Pool) -> None:
    await _mark(pool, _rows(30))
    hours = DirtyHours(pool, rebuilder=HourRebuilder(pool, partition_hours=24))
    async with pool.acquire() as other:
        await other.execute("SELECT pg_advisory_lock(hashtextextended('logging.rebuild', 0))")
        assert await hours.rebuild_marked() == 0
        await other.execute("SELECT pg_advisory_unlock_all()")
    assert await hours.rebuild_marked() == 1
    assert await hours.rebuild_marked() == 0


async def test_one_that_stands_still_loses_its_turn(pool: asyncpg.Pool, tables: Database) -> None:
    await _mark(pool, _rows(30))
    is_asked, thawed = asyncio.Event(), asyncio.Event()

    class Frozen(HourRebuilder):
        async def rebuild(self, hour: int) -> Rebuilt:
            is_asked.set()
            await thawed.wait()
            return await super().rebuild(hour)

    async with open_pool(
        tables.dsn("logging"), min_size=0, max_size=3, application_name="frozen"
    ) as its_own:
        rebuilder = Frozen(its_own, partition_hours=24)
        frozen = DirtyHours(its_own, rebuilder=rebuilder, frozen_after_s=1)
        standing = asyncio.create_task(frozen.rebuild_marked())
        await is_asked.wait()
        other = DirtyHours(pool, rebuilder=HourRebuilder(pool, partition_hours=24))

        async def has_had_its_turn() -> bool:
            return await other.rebuild_marked() == 1

        await until(has_had_its_turn, "another one has had its turn")
        thawed.set()
        with pytest.raises(DATABASE_AWAY):
            await standing


def _asked(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    add_commands(parser.add_subparsers(dest="command"))
    return parser.parse_args(arguments)


async def _run(pool: asyncpg.Pool, *arguments: str) -> int:
    return await run_command(pool, _asked(*arguments), partition_hours=24, bootstrap="")


async def test_check_names_what_differs_and_rebuild_mends_it(
    pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _rows(30)
    async with pool.acquire() as connection:
        await write_rows(connection, rows)
    assert await _run(pool, "check") == 1
    assert "rows = checks: rows: 5 and 0" in capsys.readouterr().out
    begins = str(rows[0].created_at)
    assert await _run(pool, "rebuild", "--from", begins) == 0
    assert "1 hours" not in (printed := capsys.readouterr().out)
    assert f"({rows[0].created_at // HOUR * HOUR})  5 rows" in printed
    assert await _run(pool, "check", "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["clean"] is True
    assert told["differences"] == []


async def test_what_lies_before_the_horizon_is_left_as_it_was_and_said(
    pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _rows(30)
    async with pool.acquire() as connection:
        await write_rows(connection, rows)
    begins = rows[0].created_at
    await pool.execute("UPDATE log_state SET refuse_before = $1", begins + HOUR)
    hours = ("--from", str(begins), "--to", str(begins + HOUR))
    assert await _run(pool, "rebuild", *hours) == 1
    assert "before the horizon" in capsys.readouterr().out
    assert await _run(pool, "check", *hours) == 0
    assert "left out: rows and counts" in capsys.readouterr().out


async def test_from_the_beginning_on_is_from_the_first_hour_that_is_kept(
    pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    old = await _mark(pool, _rows(30))
    await pool.execute("UPDATE log_state SET refuse_before = $1", old - 100 * HOUR)
    assert await _run(pool, "rebuild", "--from", "1970-01-01") == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if f"({old})" in line]
    assert printed[0].startswith("nothing is kept from before ")
    assert len(printed) == 3, "an hour in which there never was anything is told, too"
    assert (await check(pool, old, old + HOUR)).is_clean


async def test_a_time_that_ends_before_it_begins_is_refused(
    pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would compare nothing, and say that all is right."""
    assert await _run(pool, "check", "--from", "2026-11-02", "--to", "2026-11-01") == 2
    assert "before" in capsys.readouterr().err
