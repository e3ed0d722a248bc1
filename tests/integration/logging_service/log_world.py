"""The log as it is written and asked, for a test that compares it with the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from prometheus_client import CollectorRegistry

from services.logging.handlers import LogWriter
from services.logging.ingest.batch import Beside
from services.logging.listing.filters import Filters, Page
from services.logging.metrics import LoggingMetrics
from services.logging.rebuild.checking import check
from services.logging.rebuild.differing import Difference
from services.logging.rebuild.hours import HourRebuilder
from shared.events.directory import Role
from shared.http.assertions import Caller
from shared.kafka.records import Record
from shared.postgres.retrying import Connection, in_transaction
from tests.integration.logging_service.log_api import LogApi
from tests.log_model.model import LogModel
from tests.stack_fixtures import Database

_KEPT: Final = ("log_state", "log_retention", "consumer_watermarks", "consumer_accepted_gaps")
_TABLES: Final = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  AND NOT relispartition AND relname <> ALL($1)
  AND (relname LIKE 'log%' OR relname LIKE 'usage%')
"""
_AS_AT_FIRST: Final = "UPDATE log_state SET refuse_before = 0, epoch = epoch + 1"
_NAMES: Final = {
    "channel_id": "channel",
    **{
        name: name
        for name in (
            *("type", "start_timestamp", "end_timestamp", "username", "token_name"),
            *("model_name", "group", "request_id"),
        )
    },
}


@dataclass(kw_only=True)
class LogWorld:
    """Writes as the consumer does, and asks over HTTP."""

    api: LogApi
    database: Database
    pool: asyncpg.Pool
    caller: Caller
    _writer: LogWriter = field(init=False)

    async def empty(self) -> None:
        """No row, no count and no horizon, and a process that remembers nothing."""
        owner = await asyncpg.connect(self.database.dsn("logging_owner"))
        try:
            tables = await owner.fetchval(_TABLES, list(_KEPT))
            await owner.execute(f"TRUNCATE {tables} RESTART IDENTITY")
            await owner.execute(_AS_AT_FIRST)
        finally:
            await owner.close()
        self._writer = LogWriter(
            beside=Beside.over(self.pool, partition_hours=24),
            metrics=LoggingMetrics(CollectorRegistry()),
        )

    async def rebuild(self, hour: int) -> None:
        """One hour, from its rows."""
        await HourRebuilder(self.pool, partition_hours=24).rebuild(hour)

    async def differences(self, lower: int, upper: int) -> list[Difference]:
        """What `check` finds."""
        return list((await check(self.pool, lower, upper)).differences)

    async def ingest(self, records: Sequence[Record]) -> None:
        """One batch, in its transaction."""

        async def work(connection: Connection) -> None:
            await self._writer(connection, records)

        await in_transaction(self.pool, work)

    async def delete_before(self, target: int) -> int:
        """As an admin asks for it; how many rows went."""
        deletion = self.api.call(
            "DELETE", "/api/log/", self.caller, params={"target_timestamp": str(target)}
        )
        async with deletion as response:
            answer = await response.json()
        assert answer["success"], answer
        return int(answer["data"])

    async def number(self, model: LogModel) -> None:
        """Tell a model the ids of the rows."""
        rows = await self.pool.fetch("SELECT event_id::text, id FROM logs")
        model.renumber({row["event_id"]: row["id"] for row in rows})

    async def page(self, asked: Filters, page: Page, *, cursor: str = "") -> Any:
        """Items and total."""
        paging = {"p": str(page.number), "page_size": str(page.size)}
        if cursor:
            paging["cursor"] = cursor
        return await self._get("/api/log/", asked, **paging)

    async def used(self, table: str) -> list[asyncpg.Record]:
        """All rows of `usage_hourly` or `usage_daily`."""
        return await self.pool.fetch(f"SELECT * FROM {table}")

    async def stats(self, asked: Filters) -> Any:
        """Quota, and the last minute's."""
        return await self._get("/api/log/stat", asked)

    async def search(self, asked: Filters, keyword: str) -> Any:
        """The newest rows."""
        return await self._get("/api/log/search", asked, keyword=keyword)

    async def _get(self, path: str, asked: Filters, **more: str) -> Any:
        given = {
            parameter: str(value)
            for name, parameter in _NAMES.items()
            if (value := getattr(asked, name)) is not None
        }
        caller = self.caller
        if asked.user_id is not None:
            # Of a user, which is no parameter: as the user, of own rows.
            path = path.replace("/api/log/", "/api/log/self/").rstrip("/")
            caller = Caller(user_id=asked.user_id, username="x", role=Role.USER, workspace_id=7)
        answer = await self.api.get(path, caller, given | more)
        assert answer["success"], answer
        return answer["data"]
