"""Rows of requests for tests, with every column of a request log, as they are stored."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.logging.rows.rows import LogRow
from tests.made_events import NOON, request
from tests.made_rows import row_of

NOON_S = int(NOON.timestamp())


def request_log_row(**changes: Any) -> LogRow:
    """A row of a request; `changes` are of the row, and its `other` is the event's."""
    event = request()
    values: dict[str, Any] = {
        "project_id": 17,
        "provider_id": 4,
        "provider": "simulator",
        "dialect": "openai",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_params": "",
        "outcome": "succeeded",
        "status_code": 200,
        "trace_id": str(UUID(int=1)),
        "latency_ms": 1600,
        "upstream_latency_ms": 1500,
        "first_byte_ms": 300,
        "request_size_bytes": 400,
        "response_size_bytes": 800,
        "retry_count": 0,
        "rate_limited": False,
        "user_agent": "OpenAI/Python 2.1.0",
        "request_host": "api.example.com",
    }
    return row_of(event)._replace(**values | changes)


FILTERED: Sequence[tuple[dict[str, Any], dict[str, str], dict[str, str]]] = (
    ({"model_name": "claude-x"}, {"model": "claude-x"}, {"model": "claude"}),
    ({"model_name": "claude-x"}, {"model": "clau%"}, {"model": "c_a%"}),
    ({"status_code": 429}, {"status": "429"}, {"status": "428"}),
    ({"status_code": 503}, {"status": "5xx"}, {"status": "4XX"}),
    ({"outcome": "failed"}, {"outcome": "failed"}, {"outcome": "rejected"}),
    ({"error_code": "upstream_cut"}, {"error_code": "upstream_cut"}, {"error_code": "internal"}),
    ({"token_id": 99}, {"key_id": "99"}, {"key_id": "98"}),
    ({"user_id": 99}, {"user_id": "99"}, {"user_id": "98"}),
    ({"workspace_id": 99}, {"workspace_id": "99"}, {"workspace_id": "98"}),
    ({"project_id": 99}, {"project_id": "99"}, {"project_id": "98"}),
    ({"provider_id": 99}, {"provider_id": "99"}, {"provider_id": "98"}),
    ({"channel_id": 99}, {"channel_id": "99"}, {"channel_id": "98"}),
    ({"method": "GET"}, {"method": "GET"}, {"method": "PUT"}),
    ({"path": "/v1/x"}, {"path": "/v1/x"}, {"path": "/v1/y"}),
    ({"is_stream": True}, {"is_stream": "true"}, {"is_stream": "true", "model": "none"}),
    ({"latency_ms": 9_000}, {"min_latency_ms": "8999"}, {"min_latency_ms": "9001"}),
    ({"ip": "192.0.2.9"}, {"client_ip": "192.0.2.9"}, {"client_ip": "192.0.2.8"}),
    (
        {"trace_id": "00000000-0000-0000-0000-0000000000ff"},
        {"trace_id": "0" * 30 + "ff"},
        {"trace_id": "0" * 30 + "fe"},
    ),
    (
        {"upstream_request_id": "chatcmpl-1"},
        {"upstream_request_id": "chatcmpl-1"},
        {"upstream_request_id": "chatcmpl-2"},
    ),
    ({"created_at": NOON_S + 60}, {"from": str(NOON_S + 60)}, {"from": str(NOON_S + 61)}),
    ({"created_at": NOON_S - 60}, {"to": str(NOON_S - 60)}, {"to": str(NOON_S - 61)}),
)
"""What a row has other than usual, what finds it and no usual one, and what does not find it."""
