"""An operator's word reaches the table that the consumer looks at."""

import asyncio

import asyncpg
import pytest

from operations.accept_gap import main


async def test_the_word_is_written_down_once_for_each_call(dsn: str, pool: asyncpg.Pool) -> None:
    arguments = ["billing", "relay.requests", "3", "--postgres-dsn", dsn]
    assert await asyncio.to_thread(main, arguments) == 0
    rows = await pool.fetch("SELECT * FROM consumer_accepted_gaps")
    assert [(r["consumer_group"], r["topic"], r["partition"]) for r in rows] == [
        ("billing", "relay.requests", 3)
    ]
    assert rows[0]["applied_at"] is None, "the consumer takes it up, and nobody else"


async def test_a_database_that_refuses_is_told_and_fails(
    dsn: str, pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    await pool.execute("DROP TABLE consumer_accepted_gaps")
    arguments = ["billing", "relay.requests", "3", "--postgres-dsn", dsn]
    assert await asyncio.to_thread(main, arguments) == 1
    assert "not accepted" in capsys.readouterr().err
