"""How PostgreSQL carries out what a reader asks, by EXPLAIN of each of its statements."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.logging.listing.reading import Reading
from shared.postgres.retrying import Connection

_LOGS = re.compile(r" on (logs_\d+) ")
_SCAN = re.compile(r"Seq Scan on (?:logs|log_counts)_")


class Plan:
    """Of one statement."""

    def __init__(self, statement: str, text: str) -> None:
        self.statement = statement
        self.text = text

    @property
    def partitions(self) -> set[str]:
        """Of the rows, those that are looked into."""
        return set(_LOGS.findall(self.text))

    @property
    def reads_all(self) -> bool:
        """Whether it reads a partition from its beginning to its end."""
        return _SCAN.search(self.text) is not None


class ExplainedReading(Reading):
    """Explains what it is asked before it answers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool, statement_timeout_ms=30_000)
        self.plans: list[Plan] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connection]:
        async with super().__call__() as connection:
            # What is as small as here is read whole as soon as it may be.
            await connection.execute("SET LOCAL enable_seqscan = off")
            yield _Explaining(connection, self.plans)  # type: ignore[misc]  # what readers use of it


class _Explaining:
    def __init__(self, connection: Connection, plans: list[Plan]) -> None:
        self._connection = connection
        self._plans = plans

    async def fetch(self, statement: str, *values: object) -> list[Any]:
        lines = await self._connection.fetch(f"EXPLAIN {statement}", *values)
        self._plans.append(Plan(statement, "\n".join(line[0] for line in lines)))
        return list(await self._connection.fetch(statement, *values))

    async def fetchrow(self, statement: str, *values: object) -> Any:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *values: object) -> Any:
        row = await self.fetchrow(statement, *values)
        return None if row is None else row[0]
