"""The ids of series, remembered.

Remembered is only what is committed: an id from a transaction that was rolled back would count for
nobody. So missing ones are made on a connection of their own, whatever becomes of the batch.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import asyncpg

from services.logging.ingest.counting import SeriesKey
from services.logging.ingest.planning import look_up_by_index
from shared.postgres.retrying import Connection, in_transaction

REMEMBERED: Final = 200_000
"""Ids that a process keeps in mind: about 80 MB."""
_AT_A_TIME: Final = 5_000
_COLUMNS: Final = (
    *("facet", "type", "workspace_id", "user_id", "username", "token_id", "token_name"),
    *("model_name", "channel_id", '"group"'),
)
_NAMES: Final = ", ".join(_COLUMNS)
_ARRAYS: Final = (
    "$1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],"
    " $7::text[], $8::text[], $9::bigint[], $10::text[]"
)
# One look into the unique index for each: whatever the planner believes of an array's length.
_FIND: Final = f"""
SELECT asked.position, found.series_id
FROM unnest({_ARRAYS}) WITH ORDINALITY AS asked ({_NAMES}, position)
CROSS JOIN LATERAL (
    SELECT series_id FROM log_series AS s
    WHERE {" AND ".join(f"s.{column} = asked.{column}" for column in _COLUMNS)}
    OFFSET 0
) AS found
"""
_MAKE: Final = f"""
INSERT INTO log_series ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT DO NOTHING
RETURNING {_NAMES}, series_id
"""


class SeriesIds:
    """Ids by key; the least asked for are forgotten first. For one task at a time."""

    def __init__(self, pool: asyncpg.Pool, *, remembered: int = REMEMBERED) -> None:
        self._pool = pool
        self._remembered = remembered
        self._ids: OrderedDict[SeriesKey, int] = OrderedDict()
        self._epoch: int | None = None

    def of_epoch(self, epoch: int) -> None:
        """Forget everything where `log_state.epoch` is another: series may have been removed."""
        if epoch != self._epoch:
            self._ids.clear()
            self._epoch = epoch

    async def of(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        """The id of each key, made where there is none. Raises what asyncpg raises."""
        ids = self._ids
        found: dict[SeriesKey, int] = {}
        missing: set[SeriesKey] = set()
        for key in keys:
            known = ids.get(key)
            if known is None:
                missing.add(key)
            else:
                found[key] = known
                ids.move_to_end(key)
        # In one order for everybody: two that make the same ones wait, and do not deadlock.
        ordered = sorted(missing)
        for start in range(0, len(ordered), _AT_A_TIME):
            part = ordered[start : start + _AT_A_TIME]
            made = await in_transaction(
                self._pool, partial(_find_or_make, keys=part), idempotent=True
            )
            found |= made
            ids.update(made)
        while len(ids) > self._remembered:
            ids.popitem(last=False)
        return found


async def _find_or_make(connection: Connection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, int]:
    await look_up_by_index(connection)
    found = await _find(connection, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        made = await connection.fetch(_MAKE, *zip(*missing, strict=True))
        found |= {SeriesKey(*row[:-1]): row[-1] for row in map(tuple, made)}
    # In a statement of its own: it sees what another one made in the meantime.
    if len(found) < len(keys):
        found |= await _find(connection, [key for key in missing if key not in found])
    return found


async def _find(connection: Connection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, int]:
    rows = await connection.fetch(_FIND, *zip(*keys, strict=True))
    return {keys[position - 1]: series_id for position, series_id in rows}
