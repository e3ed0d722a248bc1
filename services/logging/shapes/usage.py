"""What the answers of `/api/usage` look like: for the documentation, and held by tests."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Told(BaseModel):
    """What every answer says: its own time, and how complete it is."""

    model_config = ConfigDict(populate_by_name=True)

    complete_until: int | None
    """Unix seconds: every request that ended before is in it. Null: not known yet."""
    held_back_by: list[str]
    """Who keeps it from being more: relays (admins see which), or `logging`."""
    kept_from: int | None
    """Unix seconds: what is asked for of the time before is no longer kept. Null: all of it is."""
    from_: int = Field(alias="from")
    """Unix seconds; whole hours or days."""
    to: int
    """Without that second itself."""


class Measures(BaseModel):
    """What is measured of some requests. Without a request: 0, and null where there is no value."""

    request_count: int
    success_count: int
    error_count: int
    rate_limited_count: int
    cache_hit_count: int
    timeout_count: int
    error_4xx_count: int
    error_5xx_count: int
    suppressed_count: int
    disconnected_count: int
    retried_count: int
    total_latency_ms: int
    total_request_bytes: int
    total_response_bytes: int
    total_tokens_input: int
    total_tokens_output: int
    total_tokens_cached: int
    total_tokens: int
    quota: int
    """Net of what was given back."""
    returned_quota: int
    total_cost_cents: str
    """Of the net quota; with six decimals."""
    avg_latency_ms: int | None
    avg_upstream_latency_ms: int | None
    min_latency_ms: int | None
    max_latency_ms: int | None


class AllMeasures(Measures):
    """With percentiles, each within 1 %."""

    latency_p50_ms: int | None
    latency_p95_ms: int | None
    latency_p99_ms: int | None
    latency_p999_ms: int | None
    first_byte_p50_ms: int | None
    first_byte_p95_ms: int | None
    first_byte_p99_ms: int | None
    first_byte_p999_ms: int | None
    unique_api_keys: int | None
    """Null in `top`, where everybody's models or providers are asked for; `series` tells it."""


class Named(BaseModel):
    """What an item is of: one of these, as `by` asks. Null: those without one."""

    workspace_id: int | None = None
    project_id: int | None = None
    api_key_id: int | None = None
    user_id: int | None = None
    provider_id: int | None = None
    model: str | None = None
    name: str | None = None
    """Of a key or a user, as the log knew it last."""


class OverTime(Named):
    """One series."""

    points: list[dict[str, Any]]
    """`at`, in Unix seconds, and the metrics; every hour or day is there."""


class SeriesTold(Told):
    """Usage over time."""

    interval: str
    timezone: str
    by: str | None
    is_cut: bool
    """There are more than `limit`."""
    series: list[OverTime]


class TopItem(Named, AllMeasures):
    """One of the largest."""


class TopTold(Told):
    """The largest, and all together."""

    by: str
    order: str
    items: list[TopItem]
    total: Measures


class Before(Measures):
    """As much time before."""

    from_: int = Field(alias="from")
    to: int


class SummaryTold(Told):
    """A time as a whole."""

    total: AllMeasures
    before: Before


class RollupRow(AllMeasures):
    """What is in a row of either table."""

    id: str
    """The same for as long as the row is told apart in the same way."""
    workspace_id: int | None
    project_id: int | None
    api_key_id: int | None
    user_id: int | None
    provider_id: int | None
    model: str | None
    created_at: int
    updated_at: int


class HourlyRow(RollupRow):
    """A row of `usage_hourly`."""

    hour: int
    max_latency_p95_ms: int | None
    """The 95th percentile, under the source's name."""


class DailyRow(RollupRow):
    """A row of `usage_daily`."""

    day: int
    peak_hour: int | None
    """0 to 23, in UTC; the earlier one of equals."""
    peak_hour_requests: int


class HourlyTold(Told):
    """A page."""

    items: list[HourlyRow]
    next_cursor: str | None


class DailyTold(Told):
    """A page."""

    items: list[DailyRow]
    next_cursor: str | None
