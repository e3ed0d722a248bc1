"""Adding to usage by hour and by day. The caller owns the transaction, and saw to the partitions.

A bucket's sketches are merged here and not by the database, so its row is locked first. Rows are
locked and written in the order of (bucket, key), table by table, by whoever writes them.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from services.logging.buckets import Grain
from services.logging.ingest.arrays import number_array
from services.logging.ingest.usage_adding import (
    SUMMED,
    Usage,
    UsageKey,
    UsageSums,
    by_day,
    of_site,
)
from services.logging.sketches.sketch import Sketch
from shared.postgres.retrying import Connection

Place: TypeAlias = tuple[UsageKey, int]
_Kept: TypeAlias = tuple[int, bytes, bytes]
"""The requests of a row, and its two sketches."""
_OF_KEYS: Final = tuple(zip(UsageKey._fields, ("bigint",) * 4 + ("text",), strict=True))
_NATIVE: Final = frozenset({"text", "bytea"})
_OF_SITE: Final = (("provider_id", "bigint"), ("model", "text"))


class _Table(NamedTuple):
    """Statements over one of the tables."""

    lock: str
    insert: str
    update: str
    is_of_site: bool
    is_daily: bool


def _table(name: str, bucket: str) -> _Table:
    is_of_site, is_daily = "site" in name, bucket == "day"
    key = ((bucket, "bigint"), *(_OF_SITE if is_of_site else _OF_KEYS))
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
    changes = [
        *(f"{column} = kept.{column} + EXCLUDED.{column}" for column in SUMMED),
        "min_latency_ms = least(kept.min_latency_ms, EXCLUDED.min_latency_ms)",
        "max_latency_ms = greatest(kept.max_latency_ms, EXCLUDED.max_latency_ms)",
        "latency = EXCLUDED.latency",  # merged with what the locked row had
        "first_byte = EXCLUDED.first_byte",
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
    names = ", ".join(column for column, _ in key)
    insert = f"""
INSERT INTO {name} AS kept ({", ".join(column for column, _ in columns)})
SELECT * FROM unnest({_arrays([kind for _, kind in columns])})
ON CONFLICT ({names}) DO"""
    lock = f"""
SELECT asked.position, kept.*
FROM unnest({_arrays([kind for _, kind in key])}) WITH ORDINALITY AS asked ({names}, position)
CROSS JOIN LATERAL (
    SELECT request_count, latency, first_byte FROM {name} AS u
    WHERE {" AND ".join(f"u.{column} = asked.{column}" for column, _ in key)} FOR UPDATE
) AS kept
"""
    return _Table(
        lock,
        f"{insert} NOTHING RETURNING {names}",
        f"{insert} UPDATE SET {', '.join(changes)}",
        is_of_site,
        is_daily,
    )


_IS_NEW_PEAK: Final = (
    "EXCLUDED.peak_hour_requests > kept.peak_hour_requests"
    " OR EXCLUDED.peak_hour_requests = kept.peak_hour_requests"
    " AND EXCLUDED.peak_hour < kept.peak_hour"
)


def _arrays(kinds: Sequence[str]) -> str:
    """Parameters as `_parameters` gives them."""
    return ", ".join(
        f"${position}::{'' if kind in _NATIVE else 'text::'}{kind}[]"
        for position, kind in enumerate(kinds, 1)
    )


def _parameters(rows: Sequence[Sequence[Any]]) -> list[object]:
    return [
        column if isinstance(column[0], str | bytes) else number_array(column)
        for column in zip(*rows, strict=True)
    ]


_HOURLY: Final = _table("usage_hourly", "hour")
_DAILY: Final = _table("usage_daily", "day")
_SITE_HOURLY: Final = _table("usage_site_hourly", "hour")
_SITE_DAILY: Final = _table("usage_site_daily", "day")


async def add_usage_of_keys(connection: Connection, sums: Usage) -> None:
    """To the keys' own hours and days."""
    await _add_both(connection, sums, _HOURLY, _DAILY)


async def add_usage_of_site(connection: Connection, sums: Usage) -> None:
    """To what every batch touches: late in a transaction, so that others wait for a moment."""
    await _add_both(connection, of_site(sums), _SITE_HOURLY, _SITE_DAILY)


async def _add_both(connection: Connection, sums: Usage, hourly: _Table, daily: _Table) -> None:
    hours = await _add(connection, hourly, sums, {})
    await _add(connection, daily, by_day(sums), _peaks(hours))


def _peaks(requests: Mapping[Place, int]) -> dict[Place, tuple[int, int]]:
    """By day: the fullest of the hours, the earliest of equals, and its requests."""
    found: dict[Place, tuple[int, int]] = {}
    for (key, hour), count in requests.items():
        day = hour - hour % _DAY
        peak = found.get((key, day))
        new = (hour - day) // _HOUR, count
        if count and (peak is None or (-count, new[0]) < (-peak[1], peak[0])):
            found[key, day] = new
    return found


async def _add(
    connection: Connection,
    table: _Table,
    sums: Usage,
    peaks: Mapping[Place, tuple[int, int]],
) -> dict[Place, int]:
    """Answers how many requests each bucket has now."""
    counts: dict[Place, int] = {}
    left = sorted(sums, key=_order)
    while left:
        kept = await _lock(connection, table, left)
        new = [place for place in left if place not in kept]
        if kept:
            known = [place for place in left if place in kept]
            rows = [_row(table, place, sums[place], kept[place], peaks) for place in known]
            await connection.execute(table.update, *_parameters(rows))
        left = new
        if new:
            rows = [_row(table, place, sums[place], _NOTHING, peaks) for place in new]
            made = await connection.fetch(table.insert, *_parameters(rows))
            if len(made) < len(new):
                # Made by another one since they were looked for: now they can be locked.
                there = {tuple(row) for row in made}
                left = [place for place in new if _columns(table, place) not in there]
            else:
                left = []
        for place in sums.keys() - counts.keys() - set(left):
            counts[place] = kept.get(place, _NOTHING)[0] + sums[place].request_count
    return counts


_HOUR, _DAY = int(Grain.HOUR), int(Grain.DAY)
_SUMS: Final = attrgetter(*SUMMED)
_NOTHING: Final[_Kept] = (0, b"", b"")


def _order(place: Place) -> tuple[int, UsageKey]:
    return place[1], place[0]


async def _lock(
    connection: Connection, table: _Table, places: Sequence[Place]
) -> dict[Place, _Kept]:
    keys = [_columns(table, place) for place in places]
    rows = await connection.fetch(table.lock, *_parameters(keys))
    return {
        places[position - 1]: (count, latency, first_byte)
        for position, count, latency, first_byte in rows
    }


def _columns(table: _Table, place: Place) -> tuple[object, ...]:
    key, bucket = place
    return (bucket, key.provider_id, key.model) if table.is_of_site else (bucket, *key)


def _row(
    table: _Table,
    place: Place,
    sums: UsageSums,
    kept: _Kept,
    peaks: Mapping[Place, tuple[int, int]],
) -> tuple[object, ...]:
    return (
        *_columns(table, place),
        *_SUMS(sums),
        sums.min_latency_ms,
        sums.max_latency_ms,
        _merged(kept[1], sums.latency),
        _merged(kept[2], sums.first_byte),
        sums.marks,
        *((sums.user_id,) if not table.is_of_site else ()),
        *(peaks.get(place, (None, 0)) if table.is_daily else ()),
    )


def _merged(kept: bytes, added: Sketch) -> bytes:
    if not kept:
        return added.to_bytes()
    if not added.bins:
        return kept
    merged = Sketch.from_bytes(kept)
    merged.merge(added)
    return merged.to_bytes()
