"""Every column that `docs/tables.md` names is in the answer of the call that it names."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import services.relay.api

ROOT = Path(services.relay.api.__file__).parents[3]
COLUMNS = {
    "quota_data": "id user_id username model_name created_at token_used count quota",
    "budgets": (
        "id workspace_id provider_id project_id name description amount_cents period"
        " current_spent_cents period_start_date period_end_date is_hard_limit alert_thresholds"
        " last_alert_threshold is_active created_at updated_at"
    ),
    "budget_history": (
        "id budget_id period_start_date period_end_date budget_amount_cents actual_spent_cents"
        " request_count error_count created_at"
    ),
    "request_logs": (
        "id workspace_id api_key_id provider_id project_id request_id trace_id parent_span_id"
        " method path query_params status_code error_code error_message latency_ms"
        " upstream_latency_ms request_size_bytes response_size_bytes tokens_input tokens_output"
        " tokens_total model cost_cents rate_limited rate_limit_remaining rate_limit_reset_at"
        " retry_count is_retry original_request_id cache_hit cache_key client_ip user_agent origin"
        " request_client request_host created_at"
    ),
    "usage_hourly": (
        "id workspace_id provider_id api_key_id project_id hour request_count success_count"
        " error_count rate_limited_count cache_hit_count total_latency_ms max_latency_ms"
        " max_latency_p95_ms latency_p99_ms latency_p999_ms total_request_bytes"
        " total_tokens_input total_tokens_output total_cost_cents error_5xx_count"
        " error_4xx_count created_at updated_at"
    ),
    "usage_daily": (
        "id workspace_id provider_id api_key_id project_id day request_count success_count"
        " error_count rate_limited_count cache_hit_count unique_api_keys avg_latency_ms"
        " min_latency_ms max_latency_ms latency_p95_ms latency_p99_ms latency_p999_ms"
        " total_request_bytes total_response_bytes total_tokens_input total_tokens_output"
        " total_cost_cents error_5xx_count error_4xx_count timeout_count peak_hour"
        " peak_hour_requests created_at updated_at"
    ),
}
"""As the systems that this one covers have them."""
_ROW = re.compile(r"^\| `(\w+)` \| `(\w+) (/[^`?]*)` \| `([\w.\[\]]+)` \|$")


def documented(table: str) -> dict[str, tuple[str, str, str]]:
    """By column: method, path and place in the answer."""
    page = (ROOT / "docs" / "tables.md").read_text()
    section = page.partition(f"\n## {table}\n")[2].partition("\n## ")[0]
    rows = [match.groups() for line in section.splitlines() if (match := _ROW.match(line))]
    return {column: (method, path, place) for column, method, path, place in rows}


def answered(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The schema of a successful answer's data."""
    responses = document["paths"][path][method.lower()]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    data: dict[str, Any] = schema["oneOf"][0]["properties"]["data"]
    return data


def has(document: dict[str, Any], schema: dict[str, Any], place: str) -> bool:
    """Whether an answer of this schema always has something in that place."""
    for step in place.replace("[]", ".[]").strip(".").split("."):
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if step == "[]":
            schema = schema["items"]
        elif step in schema["required"]:
            schema = schema["properties"][step]
        else:
            return False
    return True


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_is_in_the_answer_that_is_named_for_it(table: str) -> None:
    document = json.loads((ROOT / "services" / "relay" / "api" / "openapi.json").read_text())
    places = documented(table)
    assert list(places) == COLUMNS[table].split()
    for column, (method, path, place) in places.items():
        assert place.rpartition(".")[2] == column
        assert has(document, answered(document, method, path), place), column
