"""A row that is read back counts as it did when it was written, whichever release wrote it."""

import json
from typing import Any

from services.logging.rebuild.stored_rows import COLUMNS, row_of
from services.logging.rows.rows import LogRow

_EVENT = "01a2073f-ffd9-71b5-9d24-000000000001"


def _stored(**changes: Any) -> dict[str, Any]:
    row = LogRow(
        event_id=_EVENT,
        workspace_id=7,
        user_id=70,
        created_at=1_700_000_000,
        type=4,
        content="The upstream did not answer in time",
        group="default",
        quota=5,
    )._asdict()
    return {name: row[name] for name in COLUMNS} | changes


def test_what_has_a_column_is_read_from_it() -> None:
    stored = _stored(
        outcome="failed", status_code=504, latency_ms=12, other='{"outcome": "succeeded"}'
    )
    row = row_of(stored)
    assert (row.outcome, row.status_code, row.latency_ms) == ("failed", 504, 12)
    assert row.content == "", "what was said is not read back"


def test_a_row_of_an_earlier_release_tells_of_its_end_in_other() -> None:
    other = {
        "outcome": "failed",
        "error_code": "rate_limited",
        "http_status": 429,
        "latency_ms": 1_234,
        "frt": 0,
        "cache_tokens": 3,
        "admin_info": {"attempts": [{}, {}, {}]},
    }
    row = row_of(_stored(other=json.dumps(other)))
    assert (row.outcome, row.error_code, row.status_code) == ("failed", "rate_limited", 429)
    assert (row.latency_ms, row.first_byte_ms) == (1_234, None)
    assert (row.retry_count, row.rate_limited) == (2, True)


def test_what_is_no_request_has_no_end() -> None:
    for kind, group in ((1, ""), (2, ""), (3, "")):
        row = row_of(_stored(type=kind, group=group, other='{"entry_id": 3}', bucket_at=None))
        assert (row.outcome, row.latency_ms, row.retry_count) == (None, None, None)
