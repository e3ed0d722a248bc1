"""Usage added up from the topics' events, each once. Pure."""

from collections import defaultdict

from services.logging.handlers import to_row
from services.logging.ingest.checks import Check, sum_up
from services.logging.ingest.counting import is_request
from services.logging.ingest.usage_adding import Usage
from services.logging.partitions.spans import HOUR
from services.logging.rebuild.hour_sums import HourSums, with_check
from services.logging.rows.rows import LogRow
from shared.events.event import MalformedEventError
from shared.kafka.records import Record

_TOGETHER = 500


class TopicUsage:
    """The hours from `lower` up to `upper`. Keeps about 100 bytes of each of their events."""

    def __init__(self, lower: int, upper: int) -> None:
        self._lower = lower
        self._upper = upper
        self._seen: set[str] = set()
        self._waiting: defaultdict[int, list[LogRow]] = defaultdict(list)
        self._hours: dict[int, HourSums] = {}
        self._checks: defaultdict[int, Check] = defaultdict(Check)

    def add(self, record: Record) -> None:
        """Take an event. What cannot be read is a dead letter, and never was in the log."""
        try:
            row = to_row(record)
        except MalformedEventError:
            return
        if row is None or (not is_request(row.type, row.group) and row.bucket_at is None):
            return
        at = row.created_at if row.bucket_at is None else row.bucket_at
        if not self._lower <= at < self._upper or row.event_id in self._seen:
            return
        self._seen.add(row.event_id)
        hour = at // HOUR * HOUR
        self._waiting[hour].append(row)
        if len(self._waiting[hour]) >= _TOGETHER:
            self._add_up(hour)

    def usage(self, hour: int) -> Usage:
        """What the hour's keys used."""
        self._add_up(hour)
        return self._sums(hour).usage

    def check(self, hour: int) -> Check:
        """The checksum of the hour's requests."""
        self._add_up(hour)
        return self._checks[hour]

    def _sums(self, hour: int) -> HourSums:
        return self._hours.setdefault(hour, HourSums(hour, minutes_from=0, seconds_from=0))

    def _add_up(self, hour: int) -> None:
        rows = self._waiting.pop(hour, [])
        self._sums(hour).add_usage(rows)
        for check in sum_up(row for row in rows if row.bucket_at is None).values():
            self._checks[hour] = with_check(self._checks[hour], check)
