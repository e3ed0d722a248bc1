"""A request as it is shown: the columns of `request_logs`, and what we know beside them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.logging.requests.clients import client_of
from services.logging.rows.stored_other import USUAL_SOURCE
from shared.events.requests import Outcome
from shared.money.quota import to_cents

COLUMNS: Final = (
    *("id", "workspace_id", "api_key_id", "provider_id", "project_id", "request_id", "trace_id"),
    *("parent_span_id", "method", "path", "query_params", "status_code", "error_code"),
    *("error_message", "latency_ms", "upstream_latency_ms", "request_size_bytes"),
    *("response_size_bytes", "tokens_input", "tokens_output", "tokens_total", "model"),
    *("cost_cents", "rate_limited", "rate_limit_remaining", "rate_limit_reset_at", "retry_count"),
    *("is_retry", "original_request_id", "cache_hit", "cache_key", "client_ip", "user_agent"),
    *("origin", "request_client", "request_host", "created_at"),
)
"""As the source has them, in its order."""
BESIDE: Final = (
    *("first_byte_ms", "outcome", "is_stream", "dialect", "user_id", "username", "api_key_name"),
    *("group", "provider", "channel_id", "channel_name", "quota", "usage_source"),
    "upstream_request_id",
)
"""What an item has beside those columns; `channel_name` is for admins, and null to all others."""
NEVER_KNOWN: Final = frozenset({"original_request_id", "cache_hit", "cache_key"})
"""Null until there is what would fill them: documented in docs/requests.md."""
STORED: Final = (
    *("id", "workspace_id", "token_id", "provider_id", "project_id", "request_id", "trace_id"),
    *("parent_span_id", "method", "path", "query_params", "status_code", "error_code", "content"),
    *("latency_ms", "upstream_latency_ms", "request_size_bytes", "response_size_bytes"),
    *("prompt_tokens", "completion_tokens", "model_name", "quota", "rate_limited"),
    *("rate_limit_remaining", "rate_limit_reset_at", "retry_count", "client_retry_count"),
    *("cache_hit", "cache_key", "ip", "user_agent", "origin", "request_host", "created_at"),
    *("first_byte_ms", "outcome", "is_stream", "dialect", "user_id", "username", "token_name"),
    *('"group"', "provider", "channel_id", "channel_name", "upstream_request_id", "other"),
)
"""Columns of `logs` that an item is made of."""
_SUCCEEDED: Final = Outcome.SUCCEEDED.value


def item_of(row: Mapping[str, Any], *, for_admin: bool) -> dict[str, Any]:
    """The row as an item. Null is not known; rows of earlier releases know less."""
    other = orjson.loads(row["other"])
    outcome = row["outcome"] or other.get("outcome")
    trace = row["trace_id"]
    quota, prompt, completion = row["quota"], row["prompt_tokens"], row["completion_tokens"]
    retries = row["client_retry_count"]
    user_agent = row["user_agent"]
    return {
        "id": row["id"],
        "workspace_id": row["workspace_id"],
        "api_key_id": row["token_id"] or None,
        "provider_id": row["provider_id"],
        "project_id": row["project_id"],
        "request_id": row["request_id"],
        "trace_id": other.get("trace") if trace is None else str(trace).replace("-", ""),
        "parent_span_id": row["parent_span_id"],
        "method": row["method"],
        "path": row["path"] or other.get("request_path"),
        "query_params": row["query_params"],
        "status_code": _either(row["status_code"], other, "http_status"),
        "error_code": _either(row["error_code"], other, "error_code"),
        "error_message": None if outcome == _SUCCEEDED else row["content"],
        "latency_ms": _either(row["latency_ms"], other, "latency_ms"),
        "upstream_latency_ms": row["upstream_latency_ms"],
        "request_size_bytes": row["request_size_bytes"],
        "response_size_bytes": row["response_size_bytes"],
        "tokens_input": prompt,
        "tokens_output": completion,
        "tokens_total": prompt + completion,
        "model": row["model_name"] or None,
        "cost_cents": str(to_cents(quota)),
        "rate_limited": row["rate_limited"],
        "rate_limit_remaining": row["rate_limit_remaining"],
        "rate_limit_reset_at": row["rate_limit_reset_at"],
        "retry_count": row["retry_count"],
        "is_retry": None if retries is None else retries > 0,
        "original_request_id": None,
        "cache_hit": row["cache_hit"],
        "cache_key": row["cache_key"],
        "client_ip": row["ip"] or None,
        "user_agent": user_agent or None,
        "origin": row["origin"] or None,
        "request_client": client_of(user_agent) if user_agent else None,
        "request_host": row["request_host"] or None,
        "created_at": row["created_at"],
        "first_byte_ms": _first_byte_ms(row, other),
        "outcome": outcome,
        "is_stream": row["is_stream"],
        "dialect": row["dialect"],
        "user_id": row["user_id"],
        "username": row["username"],
        "api_key_name": row["token_name"],
        "group": row["group"],
        "provider": row["provider"] or other.get("provider") or None,
        "channel_id": row["channel_id"] or None,
        "channel_name": (row["channel_name"] or None) if for_admin else None,
        "quota": quota,
        "usage_source": other.get("usage_source", USUAL_SOURCE),
        "upstream_request_id": row["upstream_request_id"] or None,
    }


def _first_byte_ms(row: Mapping[str, Any], other: Mapping[str, Any]) -> int | None:
    """A column may say 0 ms; a 0 in `other` of an earlier release says that there was none."""
    known: int | None = row["first_byte_ms"]
    return known if known is not None else other.get("frt") or None


def _either(value: Any, other: Mapping[str, Any], name: str) -> Any:
    """The column's value; where an earlier release wrote the row, what that wrote in `other`."""
    return other.get(name) if value is None else value
