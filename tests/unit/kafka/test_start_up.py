"""Watching the database goes on whatever asking it raises: ended, it would end the service."""

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from shared.kafka import start_up
from shared.kafka.start_up import StartUp


class _Pool:
    """Fails once, then answers."""

    def __init__(self, error: Exception) -> None:
        self._errors = [error]

    async def fetchval(self, _query: str, *_values: Any) -> int:
        if self._errors:
            raise self._errors.pop()
        return 0


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.AdminShutdownError("terminating connection"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_away_is_asked_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_up, "_FIRST_PROBES_S", 0.001)
    watched = StartUp(cast("asyncpg.Pool", _Pool(error)))
    watching = asyncio.create_task(watched.watch())
    try:
        async with asyncio.timeout(10):
            while watched.database() is not None or watched.publisher() is not None:
                assert not watching.done()
                await asyncio.sleep(0.001)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
