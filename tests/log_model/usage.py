"""Usage by hour, day or anything, added up from rows one by one; percentiles exact. Pure.

usage(model.accepted, grain=3600, by=by_key)[(UsageKey(...), hour)].request_count
usage(rows, grain=86400, by=lambda row: row.user_id)[(700, day)].latency_ms(0.95)
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from math import floor
from typing import Final, NamedTuple, TypeVar

from services.logging.rows.rows import LogRow
from tests.log_model.row_rules import is_request, told_of

_Key = TypeVar("_Key", bound=Hashable)
_HOUR_S: Final = 3600
_TIMEOUTS: Final = ("upstream_timeout", "body_timeout")


class UsageKey(NamedTuple):
    """What a row of `usage_hourly` and `usage_daily` is of; 0 and empty where there is none."""

    workspace_id: int
    api_key_id: int
    provider_id: int
    project_id: int
    model: str


def by_key(row: LogRow) -> UsageKey:
    """The finest that is kept."""
    return UsageKey(
        row.workspace_id,
        row.token_id,
        row.provider_id or 0,
        row.project_id or 0,
        row.model_name,
    )


@dataclass
class Usage:
    """The rows of one bucket and key, and what can be said of them."""

    requests: list[LogRow] = field(default_factory=list)
    returned_quota: int = 0
    """What refunds and adjustments gave back of this bucket's requests."""

    @property
    def request_count(self) -> int:
        return len(self.requests)

    @property
    def success_count(self) -> int:
        return self._how_many(lambda row: row.outcome == "succeeded")

    @property
    def error_count(self) -> int:
        return self.request_count - self.success_count

    @property
    def rate_limited_count(self) -> int:
        return self._how_many(lambda row: bool(row.rate_limited))

    @property
    def cache_hit_count(self) -> int:
        return self._how_many(lambda row: bool(row.cache_hit))

    @property
    def timeout_count(self) -> int:
        return self._how_many(lambda row: row.error_code in _TIMEOUTS)

    @property
    def error_4xx_count(self) -> int:
        return self._how_many(lambda row: (row.status_code or 0) // 100 == 4)

    @property
    def error_5xx_count(self) -> int:
        return self._how_many(lambda row: (row.status_code or 0) // 100 == 5)

    @property
    def suppressed_count(self) -> int:
        return sum(told_of(row).get("suppressed_count", 0) for row in self.requests)

    @property
    def disconnected_count(self) -> int:
        return self._how_many(lambda row: bool(told_of(row).get("client_disconnected")))

    @property
    def retried_count(self) -> int:
        return self._how_many(lambda row: bool(row.retry_count))

    @property
    def quota(self) -> int:
        return sum(row.quota for row in self.requests)

    @property
    def total_tokens_input(self) -> int:
        return sum(row.prompt_tokens for row in self.requests)

    @property
    def total_tokens_output(self) -> int:
        return sum(row.completion_tokens for row in self.requests)

    @property
    def total_tokens_cached(self) -> int:
        return sum(told_of(row).get("cache_tokens", 0) for row in self.requests)

    @property
    def total_request_bytes(self) -> int:
        return sum(row.request_size_bytes or 0 for row in self.requests)

    @property
    def total_response_bytes(self) -> int:
        return sum(row.response_size_bytes or 0 for row in self.requests)

    @property
    def latencies_ms(self) -> list[int]:
        return [row.latency_ms for row in self.requests if row.latency_ms is not None]

    @property
    def total_upstream_latency_ms(self) -> int:
        return sum(row.upstream_latency_ms or 0 for row in self.requests)

    @property
    def unique_api_keys(self) -> int:
        return len({row.token_id for row in self.requests})

    @property
    def peak_hour(self) -> tuple[int, int] | None:
        """The hour of its day (0 to 23) with the most requests, the earliest of such; how many."""
        hours = Counter(row.created_at // _HOUR_S for row in self.requests)
        if not hours:
            return None
        most = max(hours.values())
        return min(hour for hour, count in hours.items() if count == most) % 24, most

    def latency_ms(self, share: float) -> int | None:
        """The exact quantile of whole latencies."""
        return exact_quantile(self.latencies_ms, share)

    def first_byte_ms(self, share: float) -> int | None:
        """The exact quantile of the times to the first byte, of those that had one."""
        return exact_quantile(
            [row.first_byte_ms for row in self.requests if row.first_byte_ms is not None], share
        )

    def _how_many(self, is_so: Callable[[LogRow], bool]) -> int:
        return sum(map(is_so, self.requests))


def usage(
    accepted: Iterable[LogRow], *, grain: int, by: Callable[[LogRow], _Key]
) -> dict[tuple[_Key, int], Usage]:
    """What was used, by (what `by` says, the bucket of `grain` seconds).

    `accepted`: rows that were ever new (`LogModel.accepted`): deleting rows lowers no usage. What a
    refund gives back counts to the bucket of its charge (`bucket_at`), not to its own time.
    """
    found: defaultdict[tuple[_Key, int], Usage] = defaultdict(Usage)
    for row in accepted:
        if is_request(row):
            found[by(row), row.created_at // grain * grain].requests.append(row)
        elif row.bucket_at is not None:
            found[by(row), row.bucket_at // grain * grain].returned_quota -= row.quota
    return dict(found)


def exact_quantile(values: Iterable[int], share: float) -> int | None:
    """The value at rank `share · (n - 1)`, rounded down, as sketches define it; None of none."""
    ordered = sorted(values)
    return ordered[floor(share * (len(ordered) - 1))] if ordered else None


def is_near(found: int | None, exact: int | None, *, accuracy: float = 0.01) -> bool:
    """Whether a sketch's answer, in whole milliseconds, is within its bound of the exact one."""
    if found is None or exact is None:
        return found is exact
    return abs(found - exact) <= accuracy * exact + 0.5
