"""What relay, billing and logging leave behind, written by hand, so that a test can leave it wrong.

The rules are written out again here, on purpose: a gap must not be hidden by sharing its cause.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import asyncpg

from operations.reconcile.gaps import Findings, Gap
from operations.reconcile.hourly.report import Asked, report
from operations.reconcile.hourly.rows import Report
from operations.reconcile.reconciling import Wish, reconcile
from services.logging.ingest.batch import Batch, Beside, SlottedRow
from services.logging.rows.rows import LogRow
from shared.events.catalog import RELAY_HEALTH, RELAY_REQUESTS
from shared.events.event import new_event_id
from shared.events.health import RelayMarked
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord, Partition
from shared.kafka.spans import Span, SpanReader
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until
from tests.integration.reconcile import queries
from tests.integration.reconcile.ledger import append_entry
from tests.made_events import outgoing, request
from tests.made_rows import row_of
from tests.stack_fixtures import Database

RELAY: Final = "relay-start-1"
TOP_UP: Final = 1_000_000


def has_entry(event: RequestCompleted) -> bool:
    return event.outcome is Outcome.SUCCEEDED or event.quota > 0


@dataclass(kw_only=True)
class World:
    """One database and the topics."""

    database: Database
    broker: Broker
    producer: IdempotentProducer = field(init=False)
    _connection: asyncpg.Connection = field(init=False)
    _beside: asyncpg.Pool = field(init=False)

    async def __aenter__(self) -> Self:
        dsn = self.database.dsn("superuser")
        path = {"search_path": "logging"}
        self._connection = await asyncpg.connect(dsn, server_settings=path)
        self._beside = await asyncpg.create_pool(dsn, min_size=0, max_size=1, server_settings=path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._beside.close()
        await self._connection.close()

    async def settle(
        self,
        events: Sequence[RequestCompleted],
        *,
        published: Sequence[RequestCompleted] | None = None,
        charged: Sequence[RequestCompleted] | None = None,
        logged: Sequence[RequestCompleted] | None = None,
    ) -> None:
        """Everybody has seen `events`, but for those who are said to have seen others."""
        on_topic = events if published is None else published
        await self.publish([self.record(event) for event in on_topic])
        await self._charge(events if charged is None else charged)
        await self.log([row_of(event) for event in (events if logged is None else logged)])
        await self.catch_up()
        counted = [event for event in events if event.outcome is not Outcome.REJECTED]
        await self.mark(len(counted))

    async def log(self, rows: Sequence[LogRow], *, slot: int = 0) -> None:
        """Rows, counts and usage, by logging's own writing; the slot is of where they came from."""
        async with self._connection.transaction():
            batch = Batch(self._connection, Beside.over(self._beside, partition_hours=24))
            await batch.begin()
            await batch.write([SlottedRow(slot, row) for row in rows])
            await batch.finish()

    async def refund(self, event: RequestCompleted, units: int) -> None:
        """So much of a charge is given back, wherever it was counted; its log row is of today."""
        await self.give_back(event, units)
        row = row_of(event)._replace(
            event_id=new_event_id(),
            quota=-units,
            created_at=int(time.time()),
            group="",
            bucket_at=int(event.completed_at.timestamp()),
        )
        await self.log([row])

    async def give_back(
        self, event: RequestCompleted, units: int, *, at: datetime | None = None
    ) -> int:
        """What billing does of a refund; answers its entry's id. Logging has not heard of it."""
        charge = await self._connection.fetchrow(queries.CHARGE, event.request_id)
        assert charge is not None
        entry_id = await append_entry(
            self._connection,
            charge["workspace_id"],
            "refund",
            f"refund:{charge['entry_id']}",
            units,
            posted_at=at or datetime.now(UTC),
            key_id=charge["key_id"],
            user_id=charge["user_id"],
            model=charge["model"],
            refers_to_entry_id=charge["entry_id"],
            bucket_at=charge["posted_at"],
        )
        for statement in (
            """UPDATE billing.accounts SET balance_units = balance_units + $1,
               charged_units = charged_units - $1 WHERE workspace_id = $2""",
            "UPDATE billing.token_usage SET used_quota = used_quota - $1 WHERE workspace_id = $2",
            "UPDATE billing.quota_data SET quota = quota - $1 WHERE user_id = 100 * $2::bigint",
        ):
            await self._connection.execute(statement, units, event.workspace_id)
        return entry_id

    async def clean_up_was_made(self) -> str:
        """An admin had the rows of what came until now deleted. Answers that time."""
        target = int(time.time()) + 1
        await self._connection.execute("UPDATE logging.log_state SET refuse_before = $1", target)

        async def is_past() -> bool:
            return time.time() > target

        await until(is_past, "what comes now is newer")
        return datetime.fromtimestamp(target, UTC).isoformat()

    async def add_failed(self) -> None:
        """One more request, while others look: it cost nothing, and has a log row only."""
        event = request(outcome=Outcome.FAILED, error_code=ErrorCode.UPSTREAM_TIMEOUT, quota=0)
        await self.publish([self.record(event)])
        # As the consumer does: its position moves with what it wrote.
        async with self._connection.transaction():
            await self.log([row_of(event)])
            await self.catch_up()

    def record(self, event: RequestCompleted, relay_id: str = RELAY) -> OutgoingRecord:
        """The event as the relay publishes it."""
        return outgoing(
            RELAY_REQUESTS.name,
            event,
            source=f"ledgerline/relay/{relay_id}",
            key=str(event.workspace_id).encode(),
        )

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        await self.producer.send_all(records)

    async def mark(self, published_count: int, *, relay_id: str = RELAY) -> None:
        """The relay's mark on `relay.health`."""
        now = datetime.now(UTC)
        mark = RelayMarked(
            relay_id=relay_id,
            published_until=now,
            published_count=published_count,
            closed=True,
            marked_at=now,
        )
        key = f"mark:{relay_id}".encode()
        await self.publish([outgoing(RELAY_HEALTH.name, mark, key=key)])

    async def execute(self, query: str, *values: Any) -> None:
        """Change something behind everybody's back."""
        await self._connection.execute(query, *values)

    async def release(self, workspace_id: int, exposure_units: int, *, key_id: int | None) -> None:
        """A lease was given up, of the account or of a key."""
        await append_entry(
            self._connection,
            *(workspace_id, "release", "release:l", 0),
            posted_at=datetime.now(UTC),
            exposure_units=exposure_units,
            key_id=key_id,
        )

    async def catch_up(self) -> None:
        """Billing and logging are at the topic's end."""
        spans = await self.held()
        for schema in ("billing", "logging"):
            for partition, span in spans.items():
                await self._connection.execute(
                    queries.WATERMARK.format(schema=schema), *partition, span.end
                )

    async def held(self) -> dict[Partition, Span]:
        """What the topic has."""
        async with self._reader() as reader:
            return await reader.held(RELAY_REQUESTS.name)

    async def reconcile(self, **wish: Any) -> Findings:
        """As the command does, with the role that can only read."""
        connection = await asyncpg.connect(self.database.dsn("reconcile"))
        try:
            async with self._reader() as reader:
                return await reconcile(
                    reader=reader,
                    connection=connection,
                    wish=Wish(**({"settle_s": 0.0} | wish)),
                )
        finally:
            await connection.close()

    async def report(self, **asked: Any) -> Report:
        """By hour and workspace, with the same role; all of the past unless `hours` says less."""
        connection = await asyncpg.connect(self.database.dsn("reconcile"))
        try:
            async with self._reader() as reader:
                return await report(
                    reader=reader,
                    connection=connection,
                    asked=Asked(**({"settle_s": 0.0, "hours": 24 * 365 * 10} | asked)),
                )
        finally:
            await connection.close()

    async def gaps(self, **wish: Any) -> dict[str, list[Gap]]:
        """The checks that have gaps."""
        findings = await self.reconcile(**wish)
        return {each.name: list(each.gaps) for each in findings.checks if each.gaps}

    def _reader(self) -> SpanReader:
        return SpanReader(bootstrap=self.broker.bootstrap, client_id="reconcile-test")

    async def _charge(self, events: Sequence[RequestCompleted]) -> None:
        spent: dict[int, int] = {}
        for event in filter(has_entry, events):
            workspace = event.workspace_id
            spent[workspace] = spent.get(workspace, 0) + event.quota
            at = int(event.completed_at.timestamp())
            model = event.requested_model or ""
            await append_entry(
                self._connection,
                *(workspace, "charge", f"request:{event.request_id}", -event.quota),
                posted_at=event.completed_at,
                key_id=70,
                user_id=event.user_id,
                model=model,
            )
            await self._connection.execute(queries.KEY, workspace, event.quota)
            await self._connection.execute(queries.KEY_LEASE, workspace, event.quota)
            await self._connection.execute(
                queries.HOUR,
                *(at - at % 3600, event.user_id, event.username, model),
                event.usage.prompt_tokens + event.usage.completion_tokens,
                event.quota,
            )
        for workspace, quota in spent.items():
            await append_entry(
                self._connection,
                *(workspace, "top_up", f"top_up:{workspace}", TOP_UP),
                posted_at=datetime.now(UTC),
                key_id=70,
                user_id=1,
            )
            await self._connection.execute(queries.ACCOUNT, workspace, TOP_UP - quota, quota)
            await self._connection.execute(queries.LEASE, workspace, quota)
