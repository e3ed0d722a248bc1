"""Many stored sketches into a few, without holding up others on the loop."""

import asyncio
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, TypeVar

from services.logging.sketches.sketch import Sketch
from services.logging.usage.measures import SKETCHES

_TURN: Final = 200
"""Rows that are merged without letting others on: about two milliseconds."""
_Key = TypeVar("_Key", bound=Hashable)
Merged = Mapping[str, Sketch]
"""By the sketch's name."""


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
