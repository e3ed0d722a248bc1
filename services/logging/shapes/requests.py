"""What the answers about requests look like: for the documentation, and held by tests."""

from typing import Any

from pydantic import BaseModel


class RequestShown(BaseModel):
    """A request: the columns of `request_logs`, and what we know beside. Null: not known."""

    id: int | None
    """Null in a stream: its row may not be there yet."""
    workspace_id: int
    api_key_id: int | None
    provider_id: int | None
    project_id: int | None
    request_id: str
    trace_id: str | None
    parent_span_id: str | None
    method: str | None
    path: str | None
    query_params: str | None
    status_code: int | None
    error_code: str | None
    error_message: str | None
    latency_ms: int | None
    upstream_latency_ms: int | None
    request_size_bytes: int | None
    response_size_bytes: int | None
    tokens_input: int
    tokens_output: int
    tokens_total: int
    model: str | None
    cost_cents: str
    rate_limited: bool | None
    rate_limit_remaining: int | None
    rate_limit_reset_at: int | None
    retry_count: int | None
    is_retry: bool | None
    original_request_id: str | None
    cache_hit: bool | None
    cache_key: str | None
    client_ip: str | None
    user_agent: str | None
    origin: str | None
    request_client: str | None
    request_host: str | None
    created_at: int
    first_byte_ms: int | None
    outcome: str | None
    is_stream: bool
    dialect: str | None
    user_id: int
    username: str
    api_key_name: str
    group: str
    provider: str | None
    channel_id: int | None
    channel_name: str | None
    quota: int
    usage_source: str
    upstream_request_id: str | None


class RequestPage(BaseModel):
    """A page of them. `total` is null where a cursor was given, or where counting takes long."""

    items: list[RequestShown]
    total: int | None
    page_size: int
    next_cursor: str | None
    is_partial: bool


class RequestWhole(RequestShown):
    """One request with its attempts, its limits and its charge."""

    content: str
    client_disconnected: bool | None
    stream_status: str | None
    upstream_model_name: str | None
    is_model_mapped: bool | None
    suppressed_count: int | None
    tags: dict[str, str] | None
    attempts: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    usage: dict[str, Any]
    charge: dict[str, Any]
    hold: dict[str, Any]
