"""When requests end: most in the afternoon, fewer at night and at the weekend. Pure."""

from collections.abc import Iterator
from itertools import accumulate
from math import cos, pi
from random import Random
from typing import Final

HOUR_S: Final = 3600
_DAY_H: Final = 24
_BUSIEST_H: Final = 14
_SWING: Final = 0.8
"""By how much the busiest hour is above the mean, and the quietest below it."""
_AT_WEEKENDS: Final = 0.5
_MONDAY_H: Final = 4 * _DAY_H
"""The first one after the Unix epoch."""
_WEEK_H: Final = 7 * _DAY_H
_WEEKEND_H: Final = 5 * _DAY_H


def requests_by_hour(count: int, *, begins_at: int, hours: int) -> Iterator[tuple[int, int]]:
    """How many of `count` end in each hour from the one that holds `begins_at` (Unix seconds).

    Each hour by its first second. They sum to `count`.
    """
    first = begins_at // HOUR_S
    reached = list(accumulate(_weight(first + number) for number in range(hours)))
    before = 0
    for number, up_to in enumerate(reached):
        after = round(count * up_to / reached[-1])
        yield (first + number) * HOUR_S, after - before
        before = after


def moments(random: Random, hour: int, count: int) -> list[int]:
    """So many moments of an hour, in order (Unix milliseconds)."""
    return sorted(hour * 1000 + random.randrange(HOUR_S * 1000) for _ in range(count))


def _weight(hour: int) -> float:
    """Of an hour, counted from the epoch."""
    of_day = 1 + _SWING * cos((hour % _DAY_H - _BUSIEST_H) * 2 * pi / _DAY_H)
    is_weekend = (hour - _MONDAY_H) % _WEEK_H >= _WEEKEND_H
    return of_day * (_AT_WEEKENDS if is_weekend else 1.0)
