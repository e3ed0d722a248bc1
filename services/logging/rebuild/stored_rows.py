"""From a stored row to what counts and usage are reckoned from. Pure.

Rows of earlier releases have of a request's end only what their `other` says.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.logging.ingest.counting import is_request
from services.logging.rows.rows import LogRow
from shared.events.requests import ErrorCode

COLUMNS: Final = (
    *("event_id", "workspace_id", "user_id", "created_at", "type", "username", "token_name"),
    *("model_name", "quota", "prompt_tokens", "completion_tokens", "channel_id", "token_id"),
    *("group", "other", "project_id", "provider_id", "outcome", "status_code", "error_code"),
    *("latency_ms", "upstream_latency_ms", "first_byte_ms", "request_size_bytes"),
    *("response_size_bytes", "retry_count", "rate_limited", "cache_hit", "bucket_at"),
)
"""What is read of a row: nothing that was said, and no address."""


def row_of(stored: Mapping[str, Any]) -> LogRow:
    """The row, as ingest had it, but for what is not added up."""
    values = dict(stored)
    values["event_id"] = str(values["event_id"])
    if values["outcome"] is None and is_request(values["type"], values["group"]):
        values |= _earlier(orjson.loads(values["other"]))
    return LogRow(content="", **values)


def _earlier(other: Mapping[str, Any]) -> dict[str, Any]:
    """What has a column now; what no release kept stays unknown."""
    attempts = other.get("admin_info", {}).get("attempts", ())
    error_code = other.get("error_code")
    return {
        "outcome": other.get("outcome"),
        "error_code": error_code,
        "status_code": other.get("http_status"),
        "latency_ms": other.get("latency_ms"),
        "first_byte_ms": other.get("frt") or None,
        "retry_count": max(0, len(attempts) - 1),
        "rate_limited": error_code == ErrorCode.RATE_LIMITED,
    }
