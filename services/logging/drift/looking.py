"""Is what was added up of the last hours still what it is made of? In one snapshot, without a lock.

What `rebuild/checking.py` compares, but for what takes long: of the hours that are written just
now, without days and sketches, and the rows themselves only where they are not too many.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from services.logging.partitions.spans import COUNTS_BY_HOUR, HOUR
from services.logging.rebuild import store_sums
from services.logging.rebuild.differing import Difference, compare
from services.logging.rebuild.store_state import RebuildState, state
from services.logging.rebuild.store_sums import Sums
from shared.postgres.retrying import Connection

HOURS: Final = 3
"""The running one, and those before it."""
MAX_ROWS: Final = 500_000
"""The rows of an hour with more take too long: `check` reads them."""
CHECKS: Final = ("rows", "counts", "usage", "site")

_TIMEOUT: Final = "SET LOCAL statement_timeout = '10s'"
# Before the snapshot: or a partition could go between what is known of it and its rows.
_NO_DROPS: Final = "LOCK TABLE ONLY logs IN ACCESS SHARE MODE"
_FACETS: Final = range(4)
_ALL: Final = ("rows", "quota", "tokens")
_REQUESTS: Final = ("requests", "request_quota", "request_marks")
_QUOTA: Final = ("quota", "request_quota", "returned_quota")


class Drift(NamedTuple):
    """How many hours were compared, and what of them does not agree."""

    looked_at: int
    differences: tuple[Difference, ...]

    @property
    def units(self) -> int:
        """Quota units between the two sides, whichever has more."""
        return sum(
            abs(each.left - each.right)
            for each in self.differences
            if each.between.endswith(tuple(f": {name}" for name in _QUOTA))
        )


class Sides(NamedTuple):
    """What each table says of the hours."""

    known: RebuildState
    checks: Sums
    """Less what was deleted."""
    written: Sums
    """All that ever was written."""
    rows: Sums
    counts: Mapping[int, Mapping[int, Mapping[str, int]]]
    usage: Sums
    returned: Sums


async def look(connection: Connection, *, now: int) -> dict[str, Drift]:
    """Compare the last hours. In a transaction of the caller's that has read nothing yet."""
    await connection.execute(_TIMEOUT)
    await connection.execute(_NO_DROPS)
    upper = now // HOUR * HOUR + HOUR
    lower = upper - HOURS * HOUR
    known = await state(connection, lower, upper)
    checks = await store_sums.checks(connection, lower, upper)
    hours = [hour for hour in range(lower, upper, HOUR) if hour not in known.dirty]
    few = [hour for hour in _shown(known, hours) if _rows_of(checks, hour) <= MAX_ROWS]
    rows: dict[int, Mapping[str, int]] = {}
    for hour in few:
        rows |= await store_sums.rows(connection, hour, hour + HOUR)
    sides = Sides(
        known,
        checks,
        await store_sums.checks(connection, lower, upper, with_deleted=False),
        rows,
        await store_sums.counts(connection, COUNTS_BY_HOUR, lower, upper),
        await store_sums.usage(connection, lower, upper),
        await store_sums.returned(connection, lower, upper),
    )
    site = [
        Difference(row["bucket"], "usage_hourly = usage_site_hourly", row["fine"], row["coarse"])
        for row in await store_sums.differing_site_hours(connection, lower, upper)
        if row["bucket"] in hours
    ]
    return found_of(sides, hours, few) | {"site": Drift(len(hours), tuple(site))}


def found_of(sides: Sides, hours: Iterable[int], few: Iterable[int]) -> dict[str, Drift]:
    """What does not agree, by check; `few` are the hours whose rows were read."""
    hours, few = list(hours), list(few)
    shown = _shown(sides.known, hours)
    names = (*_ALL, "marks", *_REQUESTS)
    rows: list[Difference] = []
    counts: list[Difference] = []
    usage: list[Difference] = []
    for hour in few:
        rows += compare(hour, "rows = checks", sides.rows.get(hour), sides.checks.get(hour), names)
    for hour in shown:
        of_hour = sides.counts.get(hour, {})
        for facet in _FACETS:
            between = f"checks = log_counts_hour of facet {facet}"
            counts += compare(hour, between, sides.checks.get(hour), of_hour.get(facet), _ALL)
    for hour in hours:
        used = sides.usage.get(hour)
        usage += compare(hour, "checks = usage_hourly", sides.written.get(hour), used, _REQUESTS)
        if hour in shown and hour not in sides.known.deleted:
            back = sides.returned.get(hour)
            usage += compare(hour, "rows = usage_hourly", back, used, ("returned_quota",))
    return {
        "rows": Drift(len(few), tuple(rows)),
        "counts": Drift(len(shown), tuple(counts)),
        "usage": Drift(len(hours), tuple(usage)),
    }


def _shown(known: RebuildState, hours: Iterable[int]) -> list[int]:
    """Those that lie behind the horizon, so that their rows and counts are read by anybody."""
    return [hour for hour in hours if hour >= known.refuse_before]


def _rows_of(checks: Sums, hour: int) -> int:
    return int(checks[hour]["rows"]) if hour in checks else 0
