"""Rows of requests for tests, with every column of a request log, as they are stored."""

from typing import Any
from uuid import UUID

from services.logging.rows.rows import LogRow
from tests.made_events import request
from tests.made_rows import row_of


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
