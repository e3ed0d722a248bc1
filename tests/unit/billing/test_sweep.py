"""The sweep goes on, whatever the database does in between."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from services.billing import sweep
from shared.postgres.retrying import CommitUnknownError

AWAY = [
    CommitUnknownError(),
    ConnectionResetError(),
    asyncpg.InterfaceError("closed"),
    asyncpg.InternalClientError("lost"),
    asyncpg.LockNotAvailableError("busy"),
]


async def test_a_database_that_is_away_or_busy_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A background task that ends ends the service with it."""
    failures: Iterator[Exception] = iter(AWAY)
    swept = asyncio.Event()

    async def fails_first(*_args: Any) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    async def goes_on(*_args: Any) -> None:
        swept.set()

    monkeypatch.setattr(sweep, "_EVERY_S", 0)
    monkeypatch.setattr(sweep, "sweep", fails_first)
    monkeypatch.setattr(sweep, "sweep_budgets", goes_on)
    unused: Any = None
    task = asyncio.create_task(sweep.sweep_always(unused, unused, unused))
    try:
        async with asyncio.timeout(10):
            await swept.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert next(failures, None) is None
