"""Usage of an hour in place of what was there, and of a day from its hours. The caller commits.

A day is added up as in `store_days.py`: make the rows, lock them in the order in which ingest does,
and only then read the hours.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from services.logging.ingest.usage_adding import SUMMED, Usage, UsageKey, UsageSums
from services.logging.partitions.spans import DAY, HOUR
from services.logging.sketches.sketch import Sketch
from shared.postgres.retrying import Connection

Key = tuple[Any, ...]
"""A row's columns behind its bucket: of all keys together only provider and model."""
_AT_A_TIME: Final = 1_000
_MEASURES: Final = (
    *((name, "bigint") for name in SUMMED),
    *(("min_latency_ms", "bigint"), ("max_latency_ms", "bigint")),
    *(("latency", "bytea"), ("first_byte", "bytea"), ("marks", "bigint")),
)
_PEAK: Final = (("peak_hour", "smallint"), ("peak_hour_requests", "bigint"))


class Rollup(NamedTuple):
    """A table of hours, and the one of days that is made of it."""

    hourly: str
    daily: str
    key: tuple[tuple[str, str], ...]
    has_user: bool

    @property
    def names(self) -> str:
        """The columns of the key."""
        return ", ".join(name for name, _ in self.key)

    def table(self, bucket: str) -> str:
        """The one whose buckets are called so: `hour` or `day`."""
        return self.hourly if bucket == "hour" else self.daily

    def key_of(self, row: asyncpg.Record) -> Key:
        """Of a stored row."""
        return tuple(row[name] for name, _ in self.key)


OF_KEYS: Final = Rollup(
    "usage_hourly",
    "usage_daily",
    tuple(zip(UsageKey._fields, ("bigint",) * 4 + ("text",), strict=True)),
    has_user=True,
)
OF_SITE: Final = Rollup(
    "usage_site_hourly",
    "usage_site_daily",
    (("provider_id", "bigint"), ("model", "text")),
    has_user=False,
)


async def replace_hour(connection: Connection, rollup: Rollup, hour: int, usage: Usage) -> set[Key]:
    """Write the hour as it is now; answers the keys that it has or had."""
    rows = await connection.fetch(
        f"SELECT {rollup.names} FROM {rollup.hourly} WHERE hour = $1", hour
    )
    before = {rollup.key_of(row) for row in rows}
    now = {_short(rollup, key): sums for (key, _), sums in usage.items()}
    await _delete(connection, rollup, "hour", hour, before - now.keys())
    await _put(
        connection,
        rollup,
        "hour",
        [(hour, *key, *_values(rollup, now[key])) for key in sorted(now)],
    )
    return before | now.keys()


async def add_up_day(
    connection: Connection, rollup: Rollup, day: int, keys: Collection[Key]
) -> None:
    """The day of each of the keys."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _AT_A_TIME):
        part = ordered[start : start + _AT_A_TIME]
        await _lock(connection, rollup, day, part)
        sums, peaks = await _of_hours(connection, rollup, day, part)
        await _delete(connection, rollup, "day", day, [key for key in part if key not in sums])
        rows = [
            (day, *key, *_values(rollup, sums[key]), *peaks.get(key, (None, 0)))
            for key in part
            if key in sums
        ]
        await _put(connection, rollup, "day", rows)


async def _lock(connection: Connection, rollup: Rollup, day: int, keys: Sequence[Key]) -> None:
    columns = [("day", "bigint"), *rollup.key, *_kept(rollup), *_PEAK]
    empty = (*_values(rollup, UsageSums()), None, 0)
    await connection.execute(
        f"INSERT INTO {rollup.daily} ({_names(columns)}) SELECT * FROM {_unnest(columns)}"
        " ON CONFLICT DO NOTHING",
        *zip(*((day, *key, *empty) for key in keys), strict=True),
    )
    same = " AND ".join(f"d.{name} = asked.{name}" for name, _ in rollup.key)
    await connection.execute(
        f"SELECT locked.day FROM {_unnest(rollup.key)} AS asked ({rollup.names})"
        f" CROSS JOIN LATERAL (SELECT day FROM {rollup.daily} AS d"
        f" WHERE d.day = {day:d} AND {same} FOR UPDATE) AS locked",
        *zip(*keys, strict=True),
    )


async def _of_hours(
    connection: Connection, rollup: Rollup, day: int, keys: Sequence[Key]
) -> tuple[dict[Key, UsageSums], dict[Key, tuple[int, int]]]:
    """The sums of each key's hours, and its fullest hour, the earlier one of equals."""
    same = " AND ".join(f"h.{name} = asked.{name}" for name, _ in rollup.key)
    rows = await connection.fetch(
        f"SELECT h.* FROM {_unnest(rollup.key)} AS asked ({rollup.names})"
        f" JOIN {rollup.hourly} AS h"
        f" ON h.hour >= {day:d} AND h.hour < {day + DAY:d} AND {same} ORDER BY h.hour",
        *zip(*keys, strict=True),
    )
    sums: dict[Key, UsageSums] = {}
    peaks: dict[Key, tuple[int, int]] = {}
    for row in rows:
        key = rollup.key_of(row)
        sums.setdefault(key, UsageSums()).merge(_sums_of(rollup, row))
        count = row["request_count"]
        if count and count > peaks.get(key, (0, 0))[1]:
            peaks[key] = (row["hour"] - day) // HOUR, count
    return sums, peaks


async def _put(connection: Connection, rollup: Rollup, bucket: str, rows: Sequence[Key]) -> None:
    if not rows:
        return
    peak = _PEAK if bucket == "day" else ()
    columns = [(bucket, "bigint"), *rollup.key, *_kept(rollup), *peak]
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name, _ in (*_kept(rollup), *peak))
    await connection.execute(
        f"INSERT INTO {rollup.table(bucket)} ({_names(columns)}) SELECT * FROM {_unnest(columns)}"
        f" ON CONFLICT ({bucket}, {rollup.names}) DO UPDATE SET {changes}, updated_at = now()",
        *zip(*rows, strict=True),
    )


async def _delete(
    connection: Connection, rollup: Rollup, bucket: str, at: int, keys: Collection[Key]
) -> None:
    if not keys:
        return
    same = " AND ".join(f"u.{name} = gone.{name}" for name, _ in rollup.key)
    await connection.execute(
        f"DELETE FROM {rollup.table(bucket)} AS u"
        f" USING {_unnest(rollup.key)} AS gone ({rollup.names})"
        f" WHERE u.{bucket} = {at:d} AND {same}",
        *zip(*keys, strict=True),
    )


def _kept(rollup: Rollup) -> tuple[tuple[str, str], ...]:
    return (*_MEASURES, *((("user_id", "bigint"),) if rollup.has_user else ()))


def _short(rollup: Rollup, key: UsageKey) -> Key:
    return tuple(getattr(key, name) for name, _ in rollup.key)


def _values(rollup: Rollup, sums: UsageSums) -> tuple[Any, ...]:
    return (
        *(getattr(sums, name) for name in SUMMED),
        *(sums.min_latency_ms, sums.max_latency_ms),
        *(sums.latency.to_bytes(), sums.first_byte.to_bytes(), sums.marks),
        *((sums.user_id,) if rollup.has_user else ()),
    )


def _sums_of(rollup: Rollup, row: asyncpg.Record) -> UsageSums:
    sums = UsageSums()
    for name in (*SUMMED, "min_latency_ms", "max_latency_ms", "marks"):
        setattr(sums, name, row[name])
    sums.latency = Sketch.from_bytes(row["latency"])
    sums.first_byte = Sketch.from_bytes(row["first_byte"])
    if rollup.has_user:
        sums.user_id = row["user_id"]
    return sums


def _names(columns: Iterable[tuple[str, str]]) -> str:
    return ", ".join(name for name, _ in columns)


def _unnest(columns: Iterable[tuple[str, str]]) -> str:
    arrays = [f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1)]
    return f"unnest({', '.join(arrays)})"
