"""Requests as lines of a file: CSV for spreadsheets, JSON Lines for programs. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from services.logging.requests.shown import BESIDE, COLUMNS
from shared.http.csv_cells import csv_bytes, csv_cell

_NAMES: Final = (*COLUMNS, *BESIDE)
_TIMES: Final = frozenset({"created_at", "rate_limit_reset_at"})


def csv_head() -> bytes:
    """The first line."""
    return csv_bytes([_NAMES])


def csv_lines(items: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for each. Times are ISO 8601 in UTC; what is not known is empty."""
    return csv_bytes([_cell(name, item[name]) for name in _NAMES] for item in items)


def json_lines(items: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for each, as the list has it."""
    return b"".join([orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items])


def _cell(name: str, value: Any) -> Any:
    if name in _TIMES and value is not None:
        return datetime.fromtimestamp(value, UTC).isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_cell(value)
