"""Are the coarser sketches what the finer ones add up to? Byte for byte, in one snapshot."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from services.logging.rebuild.differing import Difference
from services.logging.sketches.sketch import Sketch
from services.logging.usage.measures import SKETCHES
from shared.postgres.retrying import Connection

_KEY: Final = ("workspace_id", "api_key_id", "provider_id", "project_id", "model")
_SITE: Final = ("provider_id", "model")
_PREFETCH: Final = 5_000


class _Pair(NamedTuple):
    fine: str
    at: str
    bucket: str
    key: tuple[str, ...]


_DAY: Final = "hour / 86400 * 86400"
_PAIRS: Final = {
    "usage_site_hourly": _Pair("usage_hourly", "hour", "hour", _SITE),
    "usage_daily": _Pair("usage_hourly", _DAY, "day", _KEY),
    "usage_site_daily": _Pair("usage_site_hourly", _DAY, "day", _SITE),
}
"""What each of the coarser tables is made of."""


async def differing_sketches(
    connection: Connection, table: str, lower: int, upper: int
) -> list[Difference]:
    """Buckets of `table` that have other sketches than their parts. Memory: one bucket's row."""
    pair = _PAIRS[table]
    names = ", ".join(pair.key)
    query = f"""
SELECT {pair.at} AS bucket, {names}, latency, first_byte, true AS is_part FROM {pair.fine}
WHERE hour >= $1 AND hour < $2
UNION ALL
SELECT {pair.bucket}, {names}, latency, first_byte, false FROM {table}
WHERE {pair.bucket} >= $1 AND {pair.bucket} < $2
ORDER BY bucket, {names}
"""
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    both = _Both()
    async for row in connection.cursor(query, lower, upper, prefetch=_PREFETCH):
        place = (row["bucket"], *(row[name] for name in pair.key))
        if place != both.place:
            both.tell(found)
            both = _Both(place)
        both.add(dict(row))
    both.tell(found)
    return [
        Difference(bucket, f"{pair.fine} = {table}: sketches of {name}", *counts)
        for (bucket, name), counts in sorted(found.items())
    ]


class _Both:
    """One row, and what its parts add up to."""

    def __init__(self, place: tuple[Any, ...] = ()) -> None:
        self.place = place
        self._parts = {name: Sketch() for name in SKETCHES}
        self._whole = {name: Sketch() for name in SKETCHES}

    def add(self, row: Mapping[str, Any]) -> None:
        into = self._parts if row["is_part"] else self._whole
        for name in SKETCHES:
            into[name].merge(Sketch.from_bytes(row[name]))

    def tell(self, found: dict[tuple[int, str], list[int]]) -> None:
        for name in SKETCHES:
            parts, whole = self._parts[name], self._whole[name]
            if parts.to_bytes() != whole.to_bytes():
                counts = found[self.place[0], name]
                counts[0] += parts.count
                counts[1] += whole.count
