"""The statements that add to the tables of usage. Pure.

Figures are added to what a row has; a sketch's part is appended to those that are there, so that
nothing has to be read before. A row whose parts have become long is told, to be packed.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from services.logging.ingest.arrays import number_array
from services.logging.ingest.usage_adding import SUMMED, UsageKey

LONG_BYTES: Final = 512
"""From here on a sketch is packed: some dozens of parts, and the row still fits into its page."""
_OF_KEYS: Final = tuple(zip(UsageKey._fields, ("bigint",) * 4 + ("text",), strict=True))
_OF_SITE: Final = (("provider_id", "bigint"), ("model", "text"))
_NATIVE: Final = frozenset({"text", "bytea"})
_IS_NEW_PEAK: Final = (
    "EXCLUDED.peak_hour_requests > kept.peak_hour_requests"
    " OR EXCLUDED.peak_hour_requests = kept.peak_hour_requests"
    " AND EXCLUDED.peak_hour < kept.peak_hour"
)
Columns: TypeAlias = tuple[Any, ...]
"""The key of a row: its bucket, and whose it is."""


class UsageTable(NamedTuple):
    """One of the tables. Parameters are as `parameters` gives them."""

    add: str
    """Of `added_columns`; answers each row's key, its requests now, and whether it is long."""
    parts: str
    """Of keys; answers each row's number among them, from 1, and its two sketches."""
    pack: str
    """Of keys and the two sketches."""
    is_of_site: bool
    is_daily: bool

    def key_of(self, key: UsageKey, bucket: int) -> Columns:
        """The key's columns."""
        return (bucket, key.provider_id, key.model) if self.is_of_site else (bucket, *key)


def usage_table(name: str, bucket: str) -> UsageTable:
    """The table whose buckets are in that column."""
    is_of_site, is_daily = "site" in name, bucket == "day"
    key = ((bucket, "bigint"), *(_OF_SITE if is_of_site else _OF_KEYS))
    names = ", ".join(column for column, _ in key)
    columns = (
        *key,
        *((column, "bigint") for column in SUMMED),
        ("min_latency_ms", "bigint"),
        ("max_latency_ms", "bigint"),
        ("latency", "bytea"),
        ("first_byte", "bytea"),
        ("marks", "bigint"),
        *((("user_id", "bigint"),) if not is_of_site else ()),
        *((("peak_hour", "smallint"), ("peak_hour_requests", "bigint")) if is_daily else ()),
    )
    sketches = (*key, ("latency", "bytea"), ("first_byte", "bytea"))
    is_it = " AND ".join(f"u.{column} = asked.{column}" for column, _ in key)
    add = f"""
WITH added AS (
    INSERT INTO {name} AS kept ({", ".join(column for column, _ in columns)})
    SELECT * FROM unnest({_arrays(columns)})
    ON CONFLICT ({names}) DO UPDATE SET {_changes(is_of_site=is_of_site, is_daily=is_daily)}
    RETURNING {names}, request_count,
        greatest(length(latency), length(first_byte)) > {LONG_BYTES} AS is_long
)
SELECT * FROM added{" WHERE is_long" if is_daily else ""}
"""
    parts = f"""
SELECT asked.position, found.*
FROM unnest({_arrays(key)}) WITH ORDINALITY AS asked ({names}, position)
CROSS JOIN LATERAL (SELECT latency, first_byte FROM {name} AS u WHERE {is_it} OFFSET 0) AS found
"""
    pack = f"""
UPDATE {name} AS u SET latency = asked.latency, first_byte = asked.first_byte
FROM unnest({_arrays(sketches)}) AS asked ({names}, latency, first_byte) WHERE {is_it}
"""
    return UsageTable(add, parts, pack, is_of_site, is_daily)


def _changes(*, is_of_site: bool, is_daily: bool) -> str:
    changes = [
        *(f"{column} = kept.{column} + EXCLUDED.{column}" for column in SUMMED),
        "min_latency_ms = least(kept.min_latency_ms, EXCLUDED.min_latency_ms)",
        "max_latency_ms = greatest(kept.max_latency_ms, EXCLUDED.max_latency_ms)",
        "latency = kept.latency || EXCLUDED.latency",
        "first_byte = kept.first_byte || EXCLUDED.first_byte",
        "marks = kept.marks # EXCLUDED.marks",
        "updated_at = now()",
    ]
    if not is_of_site:
        changes.append("user_id = greatest(kept.user_id, EXCLUDED.user_id)")
    if is_daily:
        changes += [
            f"peak_hour = CASE WHEN {_IS_NEW_PEAK} THEN EXCLUDED.peak_hour ELSE kept.peak_hour END",
            "peak_hour_requests = greatest(kept.peak_hour_requests, EXCLUDED.peak_hour_requests)",
        ]
    return ", ".join(changes)


def _arrays(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(
        f"${position}::{'' if kind in _NATIVE else 'text::'}{kind}[]"
        for position, (_, kind) in enumerate(columns, 1)
    )


def parameters(rows: Sequence[Columns]) -> list[object]:
    """For a statement over these rows, of which there is one at least."""
    return [
        column if isinstance(column[0], str | bytes) else number_array(column)
        for column in zip(*rows, strict=True)
    ]
