"""The log as it is written and asked, for a test that compares it with the model.

Nothing goes on by itself: clean-ups are carried out while they are waited for, and all of it has
one clock, that the test sets. What happens depends on what is asked, and on nothing else.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import asyncpg
from prometheus_client import CollectorRegistry

from services.logging.handlers import LogWriter
from services.logging.ingest.batch import Beside
from services.logging.listing.filters import Filters, Page
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.spans import DAY, HOUR, PARENTS
from services.logging.rebuild.checking import check
from services.logging.rebuild.differing import Difference
from services.logging.rebuild.hours import HourRebuilder
from services.logging.retention.periods import Periods
from services.logging.retention.store_workspaces import begin_due
from shared.events.directory import Role
from shared.http.assertions import Caller
from shared.kafka.records import Record
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import Clock
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import FOR_EVER, clean_ups_running
from tests.integration.logging_service.log_api import LogApi
from tests.log_model.model import LogModel
from tests.stack_fixtures import Database

_KEPT: Final = ("log_state", "consumer_watermarks", "consumer_accepted_gaps")
_TABLES: Final = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  AND NOT relispartition AND relname <> ALL($1)
  AND (relname LIKE 'log%' OR relname LIKE 'usage%')
"""
_PARTITIONS: Final = """
SELECT string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits
WHERE inhparent = ANY($1::regclass[])
"""
_AS_AT_FIRST: Final = """
UPDATE log_state SET refuse_before = 0, usage_hourly_from = 0, usage_daily_from = 0,
    minutes_from = $1, seconds_from = $2, epoch = epoch + 1
"""
_STATE: Final = "SELECT refuse_before, usage_hourly_from, usage_daily_from FROM log_state"
_UNFINISHED: Final = "SELECT count(*) FROM log_clean_ups WHERE finished_at IS NULL"
_USAGE_BEFORE: Final = """
SELECT (SELECT count(*) FROM usage_hourly WHERE hour < $1)
    + (SELECT count(*) FROM usage_site_hourly WHERE hour < $1)
    + (SELECT count(*) FROM usage_daily WHERE day < $2)
    + (SELECT count(*) FROM usage_site_daily WHERE day < $2)
"""
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
    clock: Clock
    _writer: LogWriter = field(init=False)

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock().timestamp())

    async def empty(self) -> None:
        """As a new installation: no row, no partition, no horizon, and nothing remembered."""
        owner = await asyncpg.connect(self.database.dsn("logging_owner"))
        try:
            if partitions := await owner.fetchval(_PARTITIONS, list(PARENTS)):
                await owner.execute(f"DROP TABLE {partitions}")
            tables = await owner.fetchval(_TABLES, list(_KEPT))
            await owner.execute(f"TRUNCATE {tables} RESTART IDENTITY")
            minutes_from = (self.now - 2 * DAY) // DAY * DAY
            await owner.execute(_AS_AT_FIRST, minutes_from, (self.now - 2 * HOUR) // 60 * 60)
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
        path = "/api/log/"
        async with self._carried_out():
            deletion = self.api.call(
                "DELETE", path, self.caller, params={"target_timestamp": str(target)}
            )
            async with deletion as response:
                answer = await response.json()
        assert answer["success"], answer
        return int(answer["data"])

    async def keep_for(self, workspace_id: int, days: int) -> None:
        """Give a workspace a period, which begins to hold at once: what is older is hidden."""
        path = f"/api/log/retention/{workspace_id}"
        async with self.api.call("PUT", path, self.caller, json={"logs_days": days}) as response:
            answer = await response.json()
        assert answer["success"], answer
        midnight = self.now - self.now % DAY
        await in_transaction(self.pool, partial(begin_due, midnight=midnight, most=20))

    async def carry_out(self, model: LogModel, periods: Periods = FOR_EVER) -> None:
        """End the site's periods, and delete what is hidden; until all is as the model has it."""

        async def is_done() -> bool:
            wanted = (model.refuse_before, model.usage_hourly_from, model.usage_daily_from)
            return (
                tuple(await self.pool.fetchrow(_STATE) or ()) == wanted
                and not await self.pool.fetchval(_UNFINISHED)
                and not await self.pool.fetchval(_USAGE_BEFORE, *wanted[1:])
            )

        async with self._carried_out(periods):
            await until(is_done, "the periods' ends are carried out")

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

    async def used(self, table: str) -> list[Mapping[str, Any]]:
        """All rows of `usage_hourly` or `usage_daily`."""
        return [dict(row) for row in await self.pool.fetch(f"SELECT * FROM {table}")]

    async def stats(self, asked: Filters) -> Any:
        """Quota, and the last minute's."""
        return await self._get("/api/log/stat", asked)

    async def search(self, asked: Filters, keyword: str) -> Any:
        """The newest rows."""
        return await self._get("/api/log/search", asked, keyword=keyword)

    @asynccontextmanager
    async def _carried_out(self, periods: Periods = FOR_EVER) -> AsyncIterator[None]:
        async with clean_ups_running(self.database, periods=periods, clock=self.clock):
            yield

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
