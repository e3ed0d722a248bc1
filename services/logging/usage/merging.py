"""Many stored sketches into a few, without holding up others on the loop."""

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from services.logging.sketches.sketch import Sketch
from services.logging.usage.measures import SKETCHES
from services.logging.usage.spans import SpanError

MAX_SKETCHES: Final = 100_000
"""What the percentiles of one answer are merged from at the most: about a second's work."""
_TURN: Final = 200
"""Rows that are merged without letting others on: about two milliseconds."""
_Key = TypeVar("_Key", bound=Hashable)
_Row = TypeVar("_Row")
Merged = Mapping[str, Sketch]
"""By the sketch's name."""


def bounded(rows: Sequence[_Row]) -> Sequence[_Row]:
    """The rows to be merged, asked for with MAX_SKETCHES + 1 as their limit. Raises SpanError."""
    if len(rows) > MAX_SKETCHES:
        raise SpanError("percentiles of so much at once take too long: ask for days, or for less")
    return rows


async def merge(rows: Iterable[tuple[_Key, Mapping[str, Any]]]) -> dict[_Key, Merged]:
    """By key, of rows that have the columns SKETCHES."""
    merged: dict[_Key, dict[str, Sketch]] = {}
    for count, (key, row) in enumerate(rows, start=1):
        of_key = merged.get(key)
        if of_key is None:
            merged[key] = {name: Sketch.from_bytes(row[name]) for name in SKETCHES}
        else:
            for name in SKETCHES:
                of_key[name].merge(Sketch.from_bytes(row[name]))
        if count % _TURN == 0:
            await asyncio.sleep(0)
    return dict(merged)


def with_sketches(row: Mapping[str, Any], merged: Merged | None) -> dict[str, Any]:
    """A row of sums beside what was merged for it."""
    return {**dict.fromkeys(SKETCHES), **row, **(merged or {})}
