"""The ids of series, remembered.

Remembered is only what is committed: an id from a transaction that was rolled back would count for
nobody. So missing ones are made on a connection of their own, whatever becomes of the batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import asyncpg

from services.logging.ingest.arrays import number_array
from services.logging.ingest.counting import Family, Key, SeriesKey, family_of
from services.logging.ingest.planning import look_up_by_index
from shared.postgres.retrying import Connection, in_transaction

REMEMBERED: Final = 200_000
"""Keys whose ids a process keeps in mind: about 150 MB."""
_AT_A_TIME: Final = 5_000
_COLUMNS: Final = (
    *("facet", "type", "workspace_id", "user_id", "username", "token_id", "token_name"),
    *("model_name", "channel_id", '"group"'),
)
_NAMES: Final = ", ".join(_COLUMNS)
_ARRAYS: Final = (
    "$1::text::smallint[], $2::text::smallint[], $3::text::bigint[], $4::text::bigint[],"
    " $5::text[], $6::text::bigint[], $7::text[], $8::text[], $9::text::bigint[], $10::text[]"
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
"""


class SeriesIds:
    """Ids by key; those not asked for the longest are forgotten first. For one task at a time."""

    def __init__(self, pool: asyncpg.Pool, *, remembered: int = REMEMBERED) -> None:
        self._pool = pool
        self._remembered = remembered
        # Two generations: a look-up costs no more than that, and the older one goes as a whole.
        self._asked: dict[Key, Family[int]] = {}
        self._asked_before: dict[Key, Family[int]] = {}
        self._epoch: int | None = None

    def of_epoch(self, epoch: int) -> None:
        """Forget everything where `log_state.epoch` is another: series may have been removed."""
        if epoch != self._epoch:
            self._asked, self._asked_before = {}, {}
            self._epoch = epoch

    async def families(self, keys: Iterable[Key]) -> Mapping[Key, Family[int]]:
        """The ids of each key's series, made where there are none. Raises what asyncpg raises."""
        known, before = self._asked, self._asked_before
        found: dict[Key, Family[int]] = {}
        missing: dict[Key, Family[SeriesKey]] = {}
        for key in keys:
            family = known.get(key)
            if family is None and (family := before.get(key)) is not None:
                known[key] = family
            if family is None:
                missing[key] = family_of(key)
            else:
                found[key] = family
        if missing:
            ids = await self.of({series for family in missing.values() for series in family})
            made = {key: Family(*(ids[each] for each in f)) for key, f in missing.items()}
            found |= made
            known |= made
        if len(known) > self._remembered // 2:
            self._asked, self._asked_before = {}, known
        return found

    async def of(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        """The id of each series, made where there is none. Raises what asyncpg raises."""
        # In one order for everybody: two that make the same ones wait, and do not deadlock.
        ordered = sorted(keys)
        found: dict[SeriesKey, int] = {}
        for start in range(0, len(ordered), _AT_A_TIME):
            part = ordered[start : start + _AT_A_TIME]
            found |= await in_transaction(
                self._pool, partial(_make_and_find, keys=part), idempotent=True
            )
        return found


async def _make_and_find(connection: Connection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, int]:
    """Nearly all that are not remembered are new."""
    columns = [
        column if isinstance(column[0], str) else number_array(column)
        for column in zip(*keys, strict=True)
    ]
    await look_up_by_index(connection)
    await connection.execute(_MAKE, *columns)
    # In a statement of its own: it sees what another one made in the meantime.
    rows = await connection.fetch(_FIND, *columns)
    return {keys[position - 1]: series_id for position, series_id in rows}
