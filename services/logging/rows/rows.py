"""What a log row is: the columns of `logs`, in the order in which they are written. Pure."""

from enum import IntEnum
from typing import Final, NamedTuple

import orjson


class LogType(IntEnum):
    """As in the source's table."""

    RECHARGE = 1
    CONSUMPTION = 2
    MANAGEMENT = 3
    ERROR = 4
    SYSTEM = 5


class LogRow(NamedTuple):
    """One row to be written. Ids of what there is not are 0, names are empty."""

    event_id: str
    """UUID of the event that it tells of; unique."""
    workspace_id: int
    user_id: int
    created_at: int
    """Unix seconds."""
    type: int
    content: str
    username: str = ""
    token_name: str = ""
    model_name: str = ""
    quota: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    use_time: int = 0
    """Whole seconds."""
    is_stream: bool = False
    channel_id: int = 0
    channel_name: str = ""
    token_id: int = 0
    group: str = ""
    ip: str = ""
    request_id: str = ""
    upstream_request_id: str = ""
    other: str = "{}"
    """A JSON object, as a string. What only admins may see is under `admin_info`."""
    # Of a request alone; null where it is not known.
    project_id: int | None = None
    provider_id: int | None = None
    provider: str | None = None
    dialect: str | None = None
    method: str | None = None
    path: str | None = None
    query_params: str | None = None
    """Names, comma-separated; never values."""
    outcome: str | None = None
    status_code: int | None = None
    error_code: str | None = None
    trace_id: str | None = None
    """UUID."""
    parent_span_id: str | None = None
    latency_ms: int | None = None
    upstream_latency_ms: int | None = None
    first_byte_ms: int | None = None
    request_size_bytes: int | None = None
    response_size_bytes: int | None = None
    retry_count: int | None = None
    """Attempts after the first."""
    client_retry_count: int | None = None
    """As the client's SDK counts its own."""
    rate_limited: bool | None = None
    rate_limit_remaining: int | None = None
    rate_limit_reset_at: int | None = None
    """Unix seconds."""
    cache_hit: bool | None = None
    cache_key: str | None = None
    user_agent: str | None = None
    origin: str | None = None
    request_host: str | None = None
    bucket_at: int | None = None
    """Of what was given back of a charge: the second whose hour of use it counts to."""


COLUMNS: Final = LogRow._fields


def json_text(values: dict[str, object]) -> str:
    """The JSON string of the column `other`."""
    return orjson.dumps(values).decode()
