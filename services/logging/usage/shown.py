"""Rows of the rollups as the source's tables `usage_hourly` and `usage_daily` have them. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from services.logging.usage.measures import METRICS, told
from services.logging.usage.sources import COLUMNS, FINEST
from services.logging.usage.spans import Grain

_SPACE: Final = UUID("8f3d5a0e-3f6f-5c0b-9d55-0c8a2e0f6f7b")
_IDS: Final = tuple(COLUMNS.values())


def row_shown(row: Mapping[str, Any], grain: Grain, by: Collection[str]) -> dict[str, Any]:
    """The columns of the source, and what is measured beside them.

    `by` holds the columns that rows were added up by; empty: it is a row by itself. An id of 0 and
    an empty name are null: there was none, or rows with different ones were added up.
    """
    columns = by or (*(COLUMNS[each] for each in FINEST), "user_id")
    names = {column: (row[column] or None) if column in columns else None for column in _IDS}
    bucket = "hour" if grain is Grain.HOURLY else "day"
    measures = told(row, METRICS)
    shown = {
        "id": _id_of(bucket, row["bucket"], names),
        **names,
        bucket: row["bucket"],
        **measures,
    }
    if grain is Grain.HOURLY:
        shown["max_latency_p95_ms"] = measures["latency_p95_ms"]  # as the source spells it
    else:
        shown |= {"peak_hour": row["peak_hour"], "peak_hour_requests": row["peak_hour_requests"]}
    shown["created_at"] = int(row["created_at"].timestamp())
    shown["updated_at"] = int(row["updated_at"].timestamp())
    return shown


def _id_of(bucket: str, at: int, names: Mapping[str, Any]) -> str:
    """From what tells the row from all others: a rebuild gives the same."""
    told_apart = "\n".join(str(names[column] or "") for column in _IDS if column != "user_id")
    return str(uuid5(_SPACE, f"{bucket}\n{at}\n{told_apart}"))
