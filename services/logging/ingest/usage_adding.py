"""What was used, by key, provider, project, model and hour. Pure.

All of it can be seen on a row, so that whoever has the rows can add it up again. Adding is all that
there is: rows may come in any order and in any parts.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from services.logging.buckets import Grain
from services.logging.ingest.checks import mark_of_uuid
from services.logging.ingest.counting import is_request
from services.logging.ingest.figures_of_other import FiguresOfOther, figures_of_other
from services.logging.rows.rows import LogRow
from services.logging.sketches.bins import bin_of
from services.logging.sketches.sketch import Sketch
from shared.events.requests import ErrorCode, Outcome

_SUCCEEDED: Final = Outcome.SUCCEEDED.value
_TIMEOUTS: Final = frozenset({ErrorCode.UPSTREAM_TIMEOUT.value, ErrorCode.BODY_TIMEOUT.value})
# Plain numbers: looking up a member of an enumeration takes longer than the arithmetic.
_HOUR: Final = int(Grain.HOUR)
_DAY: Final = int(Grain.DAY)
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_BEHIND_ERRORS: Final = 600


class UsageKey(NamedTuple):
    """Ids of what there is not are 0, the model is empty."""

    workspace_id: int
    api_key_id: int
    provider_id: int
    project_id: int
    model: str


class UsageSums:
    """The measures of one bucket of `usage_*`, in the order of its columns."""

    __slots__ = (
        "cache_hit_count",
        "disconnected_count",
        "error_4xx_count",
        "error_5xx_count",
        "error_count",
        "first_byte",
        "latency",
        "marks",
        "max_latency_ms",
        "min_latency_ms",
        "quota",
        "rate_limited_count",
        "request_count",
        "retried_count",
        "returned_quota",
        "success_count",
        "suppressed_count",
        "timeout_count",
        "total_latency_ms",
        "total_request_bytes",
        "total_response_bytes",
        "total_tokens_cached",
        "total_tokens_input",
        "total_tokens_output",
        "total_upstream_latency_ms",
        "user_id",
    )

    def __init__(self) -> None:
        self.user_id = 0
        """Whose key it is; 0 where no row said."""
        self.request_count = 0
        self.success_count = 0
        self.error_count = 0
        self.rate_limited_count = 0
        self.cache_hit_count = 0
        self.timeout_count = 0
        self.error_4xx_count = 0
        self.error_5xx_count = 0
        self.suppressed_count = 0
        self.disconnected_count = 0
        self.retried_count = 0
        self.total_latency_ms = 0
        self.total_upstream_latency_ms = 0
        self.total_request_bytes = 0
        self.total_response_bytes = 0
        self.total_tokens_input = 0
        self.total_tokens_output = 0
        self.total_tokens_cached = 0
        self.quota = 0
        self.returned_quota = 0
        """Of refunds and adjustments; the cost is the quota less this."""
        self.min_latency_ms: int | None = None
        self.max_latency_ms: int | None = None
        self.latency = Sketch()
        self.first_byte = Sketch()
        self.marks = 0

    def add(self, row: LogRow) -> None:
        """Add a request's row."""
        self.request_count += 1
        self.user_id = max(self.user_id, row.user_id)
        if row.outcome == _SUCCEEDED:
            self.success_count += 1
        else:
            self.error_count += 1
            if row.error_code in _TIMEOUTS:
                self.timeout_count += 1
        if (status := row.status_code or 0) >= _CLIENT_ERRORS:
            self.error_4xx_count += status < _SERVER_ERRORS
            self.error_5xx_count += _SERVER_ERRORS <= status < _BEHIND_ERRORS
        self.rate_limited_count += row.rate_limited is True
        self.cache_hit_count += row.cache_hit is True
        self.retried_count += bool(row.retry_count)
        self.total_upstream_latency_ms += row.upstream_latency_ms or 0
        self.total_request_bytes += row.request_size_bytes or 0
        self.total_response_bytes += row.response_size_bytes or 0
        self.total_tokens_input += row.prompt_tokens
        self.total_tokens_output += row.completion_tokens
        self.quota += row.quota
        self.marks ^= mark_of_uuid(row.event_id)
        latency_ms, first_byte_ms = row.latency_ms, row.first_byte_ms
        if latency_ms is not None:
            self._add_latency(latency_ms)
        if first_byte_ms is not None:
            bins, number = self.first_byte.bins, bin_of(first_byte_ms)
            bins[number] = bins.get(number, 0) + 1
        self._add_other(figures_of_other(row.other))

    def _add_latency(self, latency_ms: int) -> None:
        self.total_latency_ms += latency_ms
        if self.min_latency_ms is None or latency_ms < self.min_latency_ms:
            self.min_latency_ms = latency_ms
        if self.max_latency_ms is None or latency_ms > self.max_latency_ms:
            self.max_latency_ms = latency_ms
        bins, number = self.latency.bins, bin_of(latency_ms)
        bins[number] = bins.get(number, 0) + 1

    def _add_other(self, other: FiguresOfOther) -> None:
        self.total_tokens_cached += other.cache_tokens
        self.suppressed_count += other.suppressed_count
        self.disconnected_count += other.client_disconnected

    def merge(self, other: "UsageSums") -> None:
        """Add all of another bucket."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.user_id = max(self.user_id, other.user_id)
        if other.min_latency_ms is not None:
            self._reach(other.min_latency_ms, other.max_latency_ms or 0)
        self.latency.merge(other.latency)
        self.first_byte.merge(other.first_byte)
        self.marks ^= other.marks

    def _reach(self, least_ms: int, most_ms: int) -> None:
        known = self.min_latency_ms, self.max_latency_ms
        self.min_latency_ms = least_ms if known[0] is None else min(known[0], least_ms)
        self.max_latency_ms = most_ms if known[1] is None else max(known[1], most_ms)


SUMMED: Final = (
    *("request_count", "success_count", "error_count", "rate_limited_count", "cache_hit_count"),
    *("timeout_count", "error_4xx_count", "error_5xx_count", "suppressed_count"),
    *("disconnected_count", "retried_count", "total_latency_ms", "total_upstream_latency_ms"),
    *("total_request_bytes", "total_response_bytes", "total_tokens_input"),
    *("total_tokens_output", "total_tokens_cached", "quota", "returned_quota"),
)
"""The columns that add up."""
Usage: TypeAlias = dict[tuple[UsageKey, int], UsageSums]
"""By key and the first second of an hour or a day."""


def add_up(rows: Iterable[LogRow]) -> Usage:
    """Usage by key and hour: of requests, and of what was given back at the hour it was used."""
    found: Usage = {}
    for row in rows:
        at = row.created_at
        if not is_request(row.type, row.group):
            if row.bucket_at is None:
                continue
            at = row.bucket_at
        key = UsageKey(
            row.workspace_id,
            row.token_id,
            row.provider_id or 0,
            row.project_id or 0,
            row.model_name,
        )
        place = key, at - at % _HOUR
        sums = found.get(place)
        if sums is None:
            sums = found[place] = UsageSums()
        if row.bucket_at is None:
            sums.add(row)
        else:
            sums.returned_quota -= row.quota
            sums.user_id = max(sums.user_id, row.user_id)
    return found


def by_day(hours: Usage) -> Usage:
    """Of days in UTC. May share sums with `hours`: change neither after that."""
    return _merged((((key, hour - hour % _DAY), s) for (key, hour), s in hours.items()))


def of_site(buckets: Usage) -> Usage:
    """Of all keys together, by provider and model. May share sums with `buckets`."""
    return _merged(
        ((UsageKey(0, 0, key.provider_id, 0, key.model), bucket), sums)
        for (key, bucket), sums in buckets.items()
    )


def _merged(parts: Iterable[tuple[tuple[UsageKey, int], UsageSums]]) -> Usage:
    found: Usage = {}
    own: set[tuple[UsageKey, int]] = set()
    for place, sums in parts:
        there = found.get(place)
        if there is None:
            found[place] = sums  # nearly always the only one
            continue
        if place not in own:
            own.add(place)
            there = found[place] = _copy(there)
        there.merge(sums)
    return found


def _copy(sums: UsageSums) -> UsageSums:
    copied = UsageSums()
    copied.merge(sums)
    return copied
