"""Which stretch of time a partition holds. Pure. Times are Unix seconds, in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

HOUR: Final = 3_600
DAY: Final = 86_400
_MONTHS: Final = 12
LOGS: Final = "logs"
COUNTS_BY_DAY: Final = "log_counts_day"
COUNTS_BY_HOUR: Final = "log_counts_hour"
COUNTS_BY_MINUTE: Final = "log_counts_minute"
USAGE_HOURLY: Final = "usage_hourly"
PARENTS: Final = (LOGS, COUNTS_BY_HOUR, COUNTS_BY_MINUTE, COUNTS_BY_DAY, USAGE_HOURLY)
"""The tables that have partitions."""
_BY_MONTH: Final = frozenset({COUNTS_BY_DAY, USAGE_HOURLY})


class Span(NamedTuple):
    """From `lower`, which it holds, to `upper`, which it does not."""

    lower: int
    upper: int

    def has(self, time: int) -> bool:
        """Whether the time lies in it."""
        return self.lower <= time < self.upper


def usual_span(parent: str, time: int, *, partition_hours: int) -> Span:
    """The partition of `parent` that has the time: of hours, of a day, or of a month.

    `partition_hours`, of the rows and of their counts by hour, divides a day.
    """
    if parent in _BY_MONTH:
        return _month(time)
    width = DAY if parent == COUNTS_BY_MINUTE else partition_hours * HOUR
    lower = time // width * width
    return Span(lower, lower + width)


def span_for(parent: str, time: int, there: Iterable[Span], *, partition_hours: int) -> Span:
    """The partition to make for a time that none of those `there` holds.

    It leaves out what they hold: they may have been made by another `partition_hours`.
    """
    lower, upper = usual_span(parent, time, partition_hours=partition_hours)
    for span in there:
        if span.upper <= time:
            lower = max(lower, span.upper)
        elif time < span.lower:
            upper = min(upper, span.lower)
    return Span(lower, upper)


def _month(time: int) -> Span:
    at = datetime.fromtimestamp(time, UTC)
    first = datetime(at.year, at.month, 1, tzinfo=UTC)
    ends = datetime(at.year + at.month // _MONTHS, at.month % _MONTHS + 1, 1, tzinfo=UTC)
    return Span(int(first.timestamp()), int(ends.timestamp()))


def covered_until(spans: Iterable[Span], now: int) -> int:
    """Up to when each time from `now` on has a partition; `now` where it has none itself."""
    until = now
    for span in sorted(spans):
        if span.has(until):
            until = span.upper
    return until
