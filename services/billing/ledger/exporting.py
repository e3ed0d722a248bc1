"""The ledger as CSV (RFC 4180), for accountants and their spreadsheets. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from shared.http.csv_cells import csv_bytes, csv_cell

COLUMNS: Final = (
    "entry_id",
    "workspace_id",
    "posted_at",
    "kind",
    "cause",
    "request_id",
    "amount_units",
    "balance_after_units",
    "excess_units",
    "exposure_units",
    "key_id",
    "user_id",
    "model",
    "actor_user_id",
    "actor_name",
    "note",
    "refers_to_entry_id",
    "bucket_at",
    "prev_hash",
    "entry_hash",
)
_TIMES: Final = frozenset({"posted_at", "bucket_at"})


def csv_head() -> bytes:
    """The first line."""
    return csv_bytes([COLUMNS])


def csv_lines(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for each entry. Times are ISO 8601 in UTC, money is in quota units."""
    return csv_bytes([_cell(name, entry[name]) for name in COLUMNS] for entry in entries)


def _cell(name: str, value: Any) -> Any:
    if value is not None and name in _TIMES:
        return datetime.fromtimestamp(value, UTC).isoformat()
    return csv_cell(value)
