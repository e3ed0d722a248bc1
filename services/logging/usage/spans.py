"""Which buckets a question about usage is answered from. Pure.

A bucket is an hour or a day in UTC, named by its first Unix second. Days of another time zone are
put together from hours, which takes a zone whose midnights fall on whole hours of UTC.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
MAX_HOURS: Final = 92 * 24
"""Of one answer by the hour, and of days in a zone of their own."""
MAX_DAYS: Final = 3_660


class Interval(StrEnum):
    """What a point of a series stands for."""

    HOUR = "hour"
    DAY = "day"

    @property
    def seconds(self) -> int:
        """Its length, in UTC."""
        return HOUR_S if self is Interval.HOUR else DAY_S


class Grain(StrEnum):
    """Which of the rollups is read."""

    HOURLY = "hourly"
    DAILY = "daily"

    @property
    def seconds(self) -> int:
        """The length of its buckets."""
        return HOUR_S if self is Grain.HOURLY else DAY_S


class SpanError(ValueError):
    """The time that was asked for cannot be answered; the text says what could."""


class Stretch(NamedTuple):
    """Buckets of one rollup, from `lower` up to and without `upper`."""

    grain: Grain
    lower: int
    upper: int


class Points(NamedTuple):
    """A series: where each point begins, and where the last one ends."""

    stretch: Stretch
    bounds: tuple[int, ...]
    """Ascending; a point lies between two of them."""

    @property
    def starts(self) -> tuple[int, ...]:
        """The points' names."""
        return self.bounds[:-1]


def whole(lower: int, upper: int, seconds: int) -> tuple[int, int]:
    """The buckets that have some of the time. Raises SpanError where there is none."""
    if upper <= lower:
        raise SpanError("`from` must be before `to`")
    return lower - lower % seconds, upper + -upper % seconds


def points(lower: int, upper: int, interval: Interval, zone: str) -> Points:
    """The points of a series over that time. Raises SpanError."""
    if interval is Interval.HOUR or zone == "UTC":
        grain = Grain.HOURLY if interval is Interval.HOUR else Grain.DAILY
        first, last = whole(lower, upper, interval.seconds)
        _bound(grain, first, last)
        return Points(Stretch(grain, first, last), tuple(range(first, last + 1, interval.seconds)))
    whole(lower, upper, DAY_S)
    _bound(Grain.HOURLY, lower, upper)
    bounds = tuple(_midnights(lower, upper, ZoneInfo(zone)))
    if any(bound % HOUR_S for bound in bounds):
        raise SpanError(
            "days of this time zone do not begin with an hour of UTC: ask for interval=hour"
        )
    return Points(Stretch(Grain.HOURLY, bounds[0], bounds[-1]), bounds)


def stretches(lower: int, upper: int) -> Sequence[Stretch]:
    """The fewest buckets that make up a time of whole hours: days, and hours at its edges."""
    first, last = whole(lower, upper, HOUR_S)
    first_day, last_day = first + -first % DAY_S, last - last % DAY_S
    if first_day >= last_day:
        _bound(Grain.HOURLY, first, last)
        return (Stretch(Grain.HOURLY, first, last),)
    _bound(Grain.DAILY, first_day, last_day)
    found = (
        Stretch(Grain.HOURLY, first, first_day),
        Stretch(Grain.DAILY, first_day, last_day),
        Stretch(Grain.HOURLY, last_day, last),
    )
    return tuple(each for each in found if each.lower < each.upper)


def kept_from(stretches: Iterable[Stretch], begins: Mapping[Grain, int]) -> int:
    """From when on all of the stretches are kept; 0 where they are so whole.

    `begins`: with which bucket each rollup begins, since its period was over for what came before.
    """
    late = (begins[each.grain] for each in stretches if each.lower < begins[each.grain])
    return max(late, default=0)


def _bound(grain: Grain, lower: int, upper: int) -> None:
    if grain is Grain.HOURLY and upper - lower > MAX_HOURS * HOUR_S:
        raise SpanError("hours are told of 92 days at a time: ask for interval=day, or for less")
    if upper - lower > MAX_DAYS * DAY_S:
        raise SpanError("days are told of ten years at a time")


def _midnights(lower: int, upper: int, zone: ZoneInfo) -> Iterator[int]:
    """From the one at or before `lower` to the one at or after `upper`."""
    day = datetime.fromtimestamp(lower, UTC).astimezone(zone).date()
    while True:
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        yield midnight
        if midnight >= upper:
            return
        day += timedelta(days=1)
