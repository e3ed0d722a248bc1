"""A running `logging`, and what tests ask of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
import asyncpg

from tests.integration.kafka.waiting import until

_COUNT = "SELECT count(*) FROM logs WHERE event_id = ANY($1::uuid[])"


@dataclass(frozen=True, kw_only=True)
class LoggingService:
    """Its second port and its database."""

    internal_url: str
    session: aiohttp.ClientSession
    pool: asyncpg.Pool

    async def is_ready(self) -> bool:
        """Whether it takes work."""
        async with self.session.get(self.internal_url + "/health/ready") as response:
            return response.status == 200

    async def has_rows(self, event_ids: Iterable[str]) -> None:
        """Wait until each of the events has its row."""
        wanted = list(event_ids)

        async def are_there() -> bool:
            return bool(await self.pool.fetchval(_COUNT, wanted) == len(wanted))

        await until(are_there, f"{len(wanted)} events have their rows")
