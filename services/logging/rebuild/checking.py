"""Do the log, its counts and the usage say the same? A day at a time, each in one snapshot.

For each hour: rows = checks = the counts of each facet, at each grain; usage = what was written.
For each day: the counts and the usage of the day = those of its hours; all keys = each key.
What a horizon or a dirty hour makes unequal is left out, and said.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import asyncpg

from services.logging.partitions.spans import (
    COUNTS_BY_HOUR,
    COUNTS_BY_MINUTE,
    DAY,
    HOUR,
)
from services.logging.rebuild import store_sums
from services.logging.rebuild.differing import Checked, Difference, compare
from services.logging.rebuild.sketches_agree import differing_sketches
from services.logging.rebuild.store_state import RebuildState, state
from shared.postgres.retrying import Connection

NO_TIME_LIMIT: Final = "SET LOCAL statement_timeout = 0"
_ALL: Final = ("rows", "quota", "tokens")
_REQUESTS: Final = ("requests", "request_quota", "request_marks")
_RETURNED: Final = ("returned_quota",)
_COUNTS_BY_SECOND: Final = "log_counts_second"
_FACETS: Final = {
    COUNTS_BY_HOUR: (0, 1, 2, 3),
    COUNTS_BY_MINUTE: (0, 1, 3),
    _COUNTS_BY_SECOND: (0, 1),
}


class Stretch(NamedTuple):
    """Hours, from `lower` up to and without `upper`, within one day."""

    lower: int
    upper: int

    @property
    def hours(self) -> range:
        """Their first seconds."""
        return range(self.lower, self.upper, HOUR)

    @property
    def day(self) -> int:
        """The day that they are of."""
        return self.lower - self.lower % DAY


def by_day(lower: int, upper: int) -> Iterator[Stretch]:
    """The hours of a time, day by day; its ends are made whole hours."""
    lower, upper = lower - lower % HOUR, upper + -upper % HOUR
    while lower < upper:
        ends = min(upper, lower - lower % DAY + DAY)
        yield Stretch(lower, ends)
        lower = ends


async def check(pool: asyncpg.Pool, lower: int, upper: int) -> Checked:
    """Compare all hours of a time, and their days. Raises what asyncpg raises."""
    found = Checked()
    for stretch in by_day(lower, upper):
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(NO_TIME_LIMIT)
            found.add(await check_stretch(connection, stretch))
    return found


async def check_stretch(connection: Connection, stretch: Stretch) -> Checked:
    """One day's hours, in the caller's snapshot."""
    known = await state(connection, stretch.lower, stretch.upper)
    found = Checked(left_out=list(_left_out(known, stretch)))
    hours = [hour for hour in stretch.hours if hour not in known.dirty]
    shown = [hour for hour in hours if hour >= known.refuse_before]
    used = [hour for hour in hours if hour >= known.usage_hourly_from]
    found.differences += await _rows_and_counts(connection, stretch, shown, known)
    found.differences += await _usage(connection, stretch, shown, used, known)
    found.buckets = len(hours)
    if not await _is_dirty_day(connection, stretch.day):
        found.buckets += 1
        found.differences += await _days(connection, stretch.day, known)
    found.differences.sort(key=lambda each: (each.bucket, each.between))
    return found


async def _rows_and_counts(
    connection: Connection, stretch: Stretch, hours: Sequence[int], known: RebuildState
) -> list[Difference]:
    lower, upper = stretch
    rows = await store_sums.rows(connection, lower, upper)
    checks = await store_sums.checks(connection, lower, upper)
    found: list[Difference] = []
    for hour in hours:
        of_rows, of_checks = rows.get(hour), checks.get(hour)
        names = (*_ALL, "marks", *_REQUESTS)
        found += compare(hour, "rows = checks", of_rows, of_checks, names)
    begins = {COUNTS_BY_MINUTE: known.minutes_from, _COUNTS_BY_SECOND: known.seconds_from}
    for table, facets in _FACETS.items():
        counts = await store_sums.counts(connection, table, lower, upper)
        for hour in hours:
            if hour < begins.get(table, 0):
                continue
            of_hour = counts.get(hour, {})
            for facet in facets:
                between = f"rows = {table} of facet {facet}"
                found += compare(hour, between, rows.get(hour), of_hour.get(facet), _ALL)
    return found


async def _usage(
    connection: Connection,
    stretch: Stretch,
    shown: Sequence[int],
    used: Sequence[int],
    known: RebuildState,
) -> list[Difference]:
    lower, upper = stretch
    usage = await store_sums.usage(connection, lower, upper)
    written = await store_sums.checks(connection, lower, upper, with_deleted=False)
    returned = await store_sums.returned(connection, lower, upper)
    found: list[Difference] = []
    for hour in used:
        between = "checks = usage_hourly"
        found += compare(hour, between, written.get(hour), usage.get(hour), _REQUESTS)
        if hour in shown and hour not in known.deleted:
            between = "rows = usage_hourly"
            found += compare(hour, between, returned.get(hour), usage.get(hour), _RETURNED)
    for row in await store_sums.differing_site_hours(connection, lower, upper):
        if row["bucket"] in used:
            what = f"usage_hourly = usage_site_hourly: requests of {row['rows']} rows"
            found.append(Difference(row["bucket"], what, row["fine"], row["coarse"]))
    return found + await differing_sketches(connection, "usage_site_hourly", lower, upper)


async def _days(connection: Connection, day: int, known: RebuildState) -> list[Difference]:
    found: list[Difference] = []
    if day >= known.refuse_before:
        for row in await store_sums.differing_days(connection, day):
            what = f"log_counts_hour = log_counts_day of facet {row['facet']}: rows"
            found.append(
                Difference(day, f"{what} of {row['series']} series", row["hours"], row["day"])
            )
    # Hours go by whole months: those of a day that is gone may still be there.
    if day >= max(known.usage_hourly_from, known.usage_daily_from):
        for table, row in await store_sums.differing_usage_days(connection, day):
            what = f"hours = {table}: requests of {row['rows']} rows"
            found.append(Difference(day, what, row["fine"], row["coarse"]))
        for table in ("usage_daily", "usage_site_daily"):
            found += await differing_sketches(connection, table, day, day + DAY)
    return found


async def _is_dirty_day(connection: Connection, day: int) -> bool:
    return bool((await state(connection, day, day + DAY)).dirty)


def _left_out(known: RebuildState, stretch: Stretch) -> Iterator[str]:
    dirty = [hour for hour in stretch.hours if hour in known.dirty]
    if dirty:
        yield f"{len(dirty)} hours of {stretch.day} that wait to be rebuilt"
    if stretch.lower < known.refuse_before:
        yield f"rows and counts of {stretch.day} from before the horizon {known.refuse_before}"
    if stretch.lower < known.usage_hourly_from:
        yield f"usage of {stretch.day} from before {known.usage_hourly_from}: no longer kept"
