"""Waiting until the table has what was on the topic at a moment."""

import asyncio
from collections.abc import Mapping
from typing import Final

from services.logging.listing.reading import Reading
from services.logging.usage.store_freshness import applied_offsets

WAIT_S: Final = 5.0
_EVERY_S: Final = 0.05


class Ingested:
    """Asks how far ingest is, at most so often for all who wait. Raises what asyncpg raises."""

    def __init__(self, reading: Reading, *, group: str, wait_s: float = WAIT_S) -> None:
        """`wait_s`: rows that take longer are not waited for."""
        self._reading = reading
        self._group = group
        self._wait_s = wait_s
        self._one_at_a_time = asyncio.Lock()
        self._applied: dict[int, int] = {}
        self._asked_at = -_EVERY_S

    async def missing(self, ends: Mapping[int, int]) -> int:
        """Wait for the rows of all records below `ends`, and say of how many there are none yet."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_s
        while True:
            async with self._one_at_a_time:
                # Who waited for the turn may find that another has just asked.
                if _missing(ends, self._applied) and loop.time() - self._asked_at >= _EVERY_S:
                    async with self._reading() as connection:
                        self._applied = await applied_offsets(connection, self._group)
                    self._asked_at = loop.time()
            missing = _missing(ends, self._applied)
            if not missing or loop.time() >= deadline:
                return missing
            await asyncio.sleep(_EVERY_S)


def _missing(ends: Mapping[int, int], applied: Mapping[int, int]) -> int:
    return sum(max(0, end - applied.get(partition, 0)) for partition, end in ends.items())
