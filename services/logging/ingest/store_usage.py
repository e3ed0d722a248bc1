"""Adding to usage by hour and by day. The caller owns the transaction, and saw to the partitions.

Rows are written in the order of (bucket, key), table by table, by whoever writes them: who adds to
the same ones waits, and does not deadlock.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, TypeAlias

from services.logging.buckets import Grain
from services.logging.ingest.usage_adding import SUMMED, Usage, UsageKey, UsageSums, by_day, of_site
from services.logging.ingest.usage_tables import Columns, UsageTable, parameters, usage_table
from services.logging.sketches.sketch import Sketch
from shared.postgres.retrying import Connection

Place: TypeAlias = tuple[UsageKey, int]
_Packed: TypeAlias = dict[int, tuple[bytes, bytes]]
"""The two sketches of sums, by the object: a key's hour and its day have nearly always the same."""
_Peaks: TypeAlias = Mapping[Columns, tuple[int, int]]
"""By a day's key: the fullest of the hours that were added to, and its requests now."""
_HOURLY: Final = usage_table("usage_hourly", "hour")
_DAILY: Final = usage_table("usage_daily", "day")
_SITE_HOURLY: Final = usage_table("usage_site_hourly", "hour")
_SITE_DAILY: Final = usage_table("usage_site_daily", "day")
_HOUR, _DAY = int(Grain.HOUR), int(Grain.DAY)
_SUMS: Final = attrgetter(*SUMMED)
_NO_PEAK: Final = (None, 0)


async def add_usage_of_keys(connection: Connection, sums: Usage) -> None:
    """To the keys' own hours and days."""
    await _add_both(connection, sums, _HOURLY, _DAILY)


async def add_usage_of_site(connection: Connection, sums: Usage) -> None:
    """To what every batch touches: late in a transaction, so that others wait for a moment."""
    await _add_both(connection, of_site(sums), _SITE_HOURLY, _SITE_DAILY)


async def _add_both(
    connection: Connection, hours: Usage, hourly: UsageTable, daily: UsageTable
) -> None:
    if not hours:
        return
    packed: _Packed = {}
    requests = await _add(connection, hourly, hours, packed, {})
    await _add(connection, daily, by_day(hours), packed, _peaks(requests))


def _peaks(requests: Iterable[tuple[Columns, int]]) -> _Peaks:
    """Of equals the earliest hour."""
    found: dict[Columns, tuple[int, int]] = {}
    for key, count in requests:
        hour = key[0]
        day = hour - hour % _DAY
        place = (day, *key[1:])
        peak = found.get(place)
        new = (hour - day) // _HOUR, count
        if count and (peak is None or (-count, new[0]) < (-peak[1], peak[0])):
            found[place] = new
    return found


async def _add(
    connection: Connection, table: UsageTable, sums: Usage, packed: _Packed, peaks: _Peaks
) -> list[tuple[Columns, int]]:
    """Answers how many requests the buckets have now; of days, of those alone that were long."""
    rows = [_row(table, place, sums[place], packed, peaks) for place in sorted(sums, key=_order)]
    answered = await connection.fetch(table.add, *parameters(rows))
    found = [(tuple(row)[:-2], row["request_count"], row["is_long"]) for row in answered]
    long = [key for key, _, is_long in found if is_long]
    if long:
        await _pack(connection, table, long)
    return [(key, count) for key, count, _ in found]


def _order(place: Place) -> tuple[int, UsageKey]:
    return place[1], place[0]


def _row(
    table: UsageTable, place: Place, sums: UsageSums, packed: _Packed, peaks: _Peaks
) -> Columns:
    key = table.key_of(*place)
    sketches = packed.get(id(sums))
    if sketches is None:
        sketches = packed[id(sums)] = sums.latency.to_bytes(), sums.first_byte.to_bytes()
    return (
        *key,
        *_SUMS(sums),
        sums.min_latency_ms,
        sums.max_latency_ms,
        *sketches,
        sums.marks,
        *((sums.user_id,) if not table.is_of_site else ()),
        *(peaks.get(key, _NO_PEAK) if table.is_daily else ()),
    )


async def _pack(connection: Connection, table: UsageTable, keys: Sequence[Columns]) -> None:
    """Make one part of many, in rows that this transaction has written: nobody else may."""
    found = await connection.fetch(table.parts, *parameters(keys))
    rows = [
        (
            *keys[row["position"] - 1],
            Sketch.from_bytes(row["latency"]).to_bytes(),
            Sketch.from_bytes(row["first_byte"]).to_bytes(),
        )
        for row in found
    ]
    await connection.execute(table.pack, *parameters(rows))
