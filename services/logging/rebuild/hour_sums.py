"""An hour added up again, from its rows in any number of parts. Pure."""

from collections.abc import Iterable
from typing import Final

from services.logging.buckets import Grain
from services.logging.ingest.checks import Check, sum_up
from services.logging.ingest.counting import Counted, Counts, count
from services.logging.ingest.usage_adding import Usage, add_up
from services.logging.rows.rows import LogRow

OWN_GRAINS: Final = (Grain.SECOND, Grain.MINUTE, Grain.HOUR)
"""What is written of an hour alone. Its day is added up from hours."""


class HourSums:
    """The counts, the usage and the checksum of one hour."""

    def __init__(self, hour: int, *, minutes_from: int, seconds_from: int) -> None:
        self._hour = hour
        self._minutes_from = minutes_from
        self._seconds_from = seconds_from
        self.counts: Counts = {grain: {} for grain in Grain}
        self.usage: Usage = {}
        self.check = Check()

    def add_rows(self, rows: Iterable[LogRow]) -> None:
        """Rows that were made in this hour."""
        made = list(rows)
        counted = count(made, minutes_from=self._minutes_from, seconds_from=self._seconds_from)
        for grain in OWN_GRAINS:
            into = self.counts[grain]
            for place, sums in counted[grain].items():
                there = into.get(place)
                into[place] = sums if there is None else _together(there, sums)
        for check in sum_up(made).values():
            self.check = with_check(self.check, check)
        # What was given back counts to the hour of its charge, which `add_returned` sees to.
        self.add_usage(row for row in made if row.bucket_at is None)

    def add_returned(self, rows: Iterable[LogRow]) -> None:
        """Rows, made whenever, that give back what this hour cost."""
        self.add_usage(rows)

    def add_usage(self, rows: Iterable[LogRow]) -> None:
        """The usage of this hour alone that rows tell of."""
        for place, sums in add_up(rows).items():
            if place[1] != self._hour:
                continue
            there = self.usage.get(place)
            if there is None:
                self.usage[place] = sums
            else:
                there.merge(sums)


def with_check(left: Check, right: Check, *, sign: int = 1) -> Check:
    """Both together; with sign -1 the first without the second. Marks are their own opposite."""
    return Check(
        left.rows + sign * right.rows,
        left.quota + sign * right.quota,
        left.tokens + sign * right.tokens,
        left.marks ^ right.marks,
        left.requests + sign * right.requests,
        left.request_quota + sign * right.request_quota,
        left.request_marks ^ right.request_marks,
    )


def _together(left: Counted, right: Counted) -> Counted:
    return Counted(left.rows + right.rows, left.quota + right.quota, left.tokens + right.tokens)
