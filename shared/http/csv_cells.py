"""Values as lines of CSV (RFC 4180), which spreadsheets open. Pure."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet would reckon, some of it in East Asian texts' wide forms, too: in a text that
a person gave, it is told to leave it be."""


def csv_cell(value: Any) -> Any:
    """A value for a cell. Nothing in it is a formula; null is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def csv_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """A line for each row of cells."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
