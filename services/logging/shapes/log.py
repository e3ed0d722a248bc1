"""What the Log API's answers look like: for the documentation, and held by tests."""

from typing import Any

from pydantic import BaseModel

from shared.http.described import Page


class LogRowShown(BaseModel):
    """A row of `logs`. `other` is a JSON object as a string."""

    id: int
    user_id: int
    created_at: int
    type: int
    content: str
    username: str
    token_name: str
    model_name: str
    quota: int
    prompt_tokens: int
    completion_tokens: int
    use_time: int
    is_stream: bool
    channel_id: int
    channel: int
    channel_name: str
    token_id: int
    group: str
    ip: str
    request_id: str
    upstream_request_id: str
    other: str


class LogPage(Page[LogRowShown]):
    """A page, and the `cursor` of the next one; null where there is none."""

    next_cursor: str | None


class Stats(BaseModel):
    """Quota over the range; requests and tokens of the last minute."""

    quota: int
    rpm: int
    tpm: int


class Explained(BaseModel):
    """One request, told whole."""

    request_id: str
    outcome: str | None
    error_code: str | None
    http_status: int | None
    attempts: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    hold: dict[str, Any]
    usage: dict[str, Any]
    charge: dict[str, Any]
    trace: str | None
    same_upstream_id: list[str]


class CleanUpShown(BaseModel):
    """A clean-up: what was decided, and how far it is. Times are Unix seconds."""

    id: int
    kind: str
    workspace_id: int | None
    target_timestamp: int
    phase: str
    rows_expected: int | None
    deleted_rows: int
    partitions_dropped: int
    started_by: int
    started_at: int
    heartbeat_at: int | None
    finished_at: int | None


class SitePeriodsShown(BaseModel):
    """For how many days the site keeps each table; 0 is for ever."""

    logs_days: int
    usage_hourly_days: int
    usage_daily_days: int


class WorkspacePeriodShown(BaseModel):
    """A workspace's own period; `updated_at` in Unix seconds, `updated_by` a user's id."""

    workspace_id: int
    logs_days: int
    updated_by: int
    updated_at: int


class RetentionShown(BaseModel):
    """The site's periods, and a page of the workspaces that have their own."""

    site: SitePeriodsShown
    items: list[WorkspacePeriodShown]
    total: int
    page: int
    page_size: int
