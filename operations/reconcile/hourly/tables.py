"""What the tables say of each hour of each workspace, in the one snapshot of the caller.

The database adds up; what comes over is a row an hour and workspace, however many requests.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import asyncpg

from operations.reconcile.gaps import Gap
from operations.reconcile.hourly import queries
from operations.reconcile.hourly.sums import Bucket, Sums
from operations.reconcile.tables import Charge, LogRow

_PREFETCH: Final = 5_000


class HourOfData(NamedTuple):
    """What `quota_data` counts."""

    requests: int = 0
    units: int = 0


class OtherEntries(NamedTuple):
    """Entries that are no charges, of one kind. Positive units raise the balance."""

    kind: str
    entries: int
    units: int


class HourlyTables:
    """Queries from an hour on, of all workspaces or of one; they change nothing."""

    def __init__(
        self, connection: asyncpg.Connection, *, since: datetime, workspace_id: int | None
    ) -> None:
        self._connection = connection
        self._where = (since, workspace_id)

    async def charges(self) -> dict[Bucket, Sums]:
        """The ledger's charges."""
        return {_bucket(row): _sums(row) for row in await self._rows(queries.CHARGES)}

    async def log_rows(self) -> dict[Bucket, Sums]:
        """The logs' rows of requests."""
        return {_bucket(row): _sums(row) for row in await self._rows(queries.LOG_ROWS)}

    async def hours(self) -> dict[Bucket, HourOfData]:
        """`quota_data`, with the workspaces that the ledger says."""
        return {
            _bucket(row): HourOfData(row["count"], row["units"])
            for row in await self._rows(queries.HOURS)
        }

    async def differing_hours(self) -> AsyncIterator[tuple[Bucket, Gap]]:
        """The rows of `quota_data` that are not what the ledger sums to."""
        for row in await self._rows(queries.DIFFERING_HOURS):
            gap = Gap(
                f"user {row['user_id']}, model {row['model']!r}, hour {row['hour']}",
                f"quota_data has {row['data_count']} requests of {row['data_units']},"
                f" the ledger {row['all_count']} of {row['all_units']}",
            )
            yield _bucket(row), gap

    async def other_entries(self) -> dict[Bucket, list[OtherEntries]]:
        """What else moved a balance."""
        found: dict[Bucket, list[OtherEntries]] = {}
        for row in await self._rows(queries.OTHER_KINDS):
            entries = OtherEntries(row["kind"], row["count"], row["units"])
            found.setdefault(_bucket(row), []).append(entries)
        return found

    async def charges_of(self, buckets: Iterable[Bucket]) -> AsyncIterator[tuple[Bucket, Charge]]:
        """Each charge of these hours."""
        async for row in self._of(queries.CHARGES_OF, buckets):
            charge = Charge(row["request_id"], row["charged_units"], row["posted_at"])
            yield _bucket(row), charge

    async def log_rows_of(self, buckets: Iterable[Bucket]) -> AsyncIterator[tuple[Bucket, LogRow]]:
        """Each log row of a request of these hours."""
        async for row in self._of(queries.LOG_ROWS_OF, buckets):
            yield (
                _bucket(row),
                LogRow(
                    row["event_id"].bytes,
                    row["request_id"],
                    row["quota"],
                    row["type"],
                    row["created_at"],
                ),
            )

    async def _rows(self, query: str) -> list[asyncpg.Record]:
        """Not by a cursor: for one the database uses no second process, and it adds up for long."""
        rows: list[asyncpg.Record] = await self._connection.fetch(query, *self._where)
        return rows

    def _of(self, query: str, buckets: Iterable[Bucket]) -> AsyncIterator[asyncpg.Record]:
        wanted = list(buckets)
        cursor = self._connection.cursor(
            query,
            [bucket.hour for bucket in wanted],
            [bucket.workspace_id for bucket in wanted],
            prefetch=_PREFETCH,
        )
        rows: AsyncIterator[asyncpg.Record] = cursor.__aiter__()
        return rows


def hour_of(at: datetime) -> datetime:
    """The first whole hour that does not begin before `at`."""
    seconds = -(-at.timestamp() // 3600) * 3600
    return datetime.fromtimestamp(seconds, UTC)


def _bucket(row: asyncpg.Record) -> Bucket:
    return Bucket(row["hour"], row["workspace_id"])


def _sums(row: asyncpg.Record) -> Sums:
    return Sums(row["count"], row["units"], row["marks"], int(row["weighed"]))
