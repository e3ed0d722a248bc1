"""The ledger as CSV (RFC 4180), for accountants and their spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

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
_FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet would reckon: in a text that a person gave, it is told to leave it be."""


def csv_head() -> bytes:
    """The first line."""
    return _lines([COLUMNS])


def csv_lines(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for each entry. Times are ISO 8601 in UTC, money is in quota units."""
    return _lines([_cell(name, entry[name]) for name in COLUMNS] for entry in entries)


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in _TIMES:
        return datetime.fromtimestamp(value, UTC).isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
