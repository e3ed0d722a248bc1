"""Runs and their sums."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from services.billing.what_if.store_charges import ChargesOf, stretch_of
from shared.postgres.retrying import Connection

# Whoever had an entry's number when the run was asked for has committed it once this has ended.
_SETTLED: Final = "pg_snapshot_xmin(pg_current_snapshot()) >= (asked->>'settled_by')::xid8"
_ADD: Final = """
INSERT INTO what_if_runs (state, asked, prices, from_at, to_at, workspace_id, model, next_entry_id,
    last_entry_id, entries_total, created_by)
VALUES ('waiting', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING run_id
"""
_COLUMNS: Final = """
SELECT run_id, state, asked, from_at, to_at, workspace_id, model, next_entry_id, last_entry_id,
    entries_done, entries_total, not_rateable, next_post_entry_id, created_by, created_at,
    finished_at
FROM what_if_runs
"""
_READ: Final = f"{_COLUMNS} WHERE run_id = $1"
_LIST: Final = f"{_COLUMNS} WHERE run_id < $1 ORDER BY run_id DESC LIMIT $2"
_LOCK: Final = f"{_READ} FOR UPDATE"
_CLAIM: Final = f"""
{_COLUMNS} WHERE state IN ('waiting', 'rating', 'posting') AND {_SETTLED}
ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_ADD_SUMS: Final = """
INSERT INTO what_if_sums AS sums (run_id, workspace_id, model, requests, old_units, new_units)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT (run_id, workspace_id, model) DO UPDATE
SET requests = sums.requests + EXCLUDED.requests, old_units = sums.old_units + EXCLUDED.old_units,
    new_units = sums.new_units + EXCLUDED.new_units
"""
_RATED: Final = """
UPDATE what_if_runs
SET state = $2, next_entry_id = $3, entries_done = entries_done + $4,
    not_rateable = not_rateable + $5, finished_at = CASE WHEN $2::text = 'rated' THEN now() END
WHERE run_id = $1
"""
_POSTED: Final = """
UPDATE what_if_runs
SET state = $2, next_post_entry_id = $3,
    finished_at = CASE WHEN $2::text = 'posted' THEN now() ELSE finished_at END
WHERE run_id = $1
"""
_SET_STATE: Final = """
UPDATE what_if_runs SET state = $2, asked = $3, finished_at = now() WHERE run_id = $1
"""
_PRICES: Final = "SELECT prices FROM what_if_runs WHERE run_id = $1"
_TOTALS: Final = """
SELECT coalesce(sum(requests), 0)::bigint AS requests,
       coalesce(sum(old_units), 0)::bigint AS old_units,
       coalesce(sum(new_units), 0)::bigint AS new_units
FROM what_if_sums WHERE run_id = $1
"""
_RESULTS: Final = """
SELECT workspace_id, model, requests, old_units, new_units,
       new_units - old_units AS difference_units
FROM what_if_sums WHERE run_id = $1 AND (workspace_id, model) > ($2, $3)
ORDER BY workspace_id, model LIMIT $4
"""


class Run(NamedTuple):
    """A row of `what_if_runs`, without its prices."""

    run_id: int
    state: str
    asked: dict[str, Any]
    from_at: datetime
    to_at: datetime
    workspace_id: int | None
    model: str | None
    next_entry_id: int
    last_entry_id: int
    entries_done: int
    entries_total: int
    not_rateable: int
    next_post_entry_id: int
    created_by: int
    created_at: datetime
    finished_at: datetime | None

    @property
    def charges(self) -> ChargesOf:
        """Which charges it rates, up to `last_entry_id`."""
        return ChargesOf(self.from_at, self.to_at, self.workspace_id, self.model)


class Totals(NamedTuple):
    """A run's sums over everything."""

    requests: int
    old_units: int
    new_units: int


async def add_run(
    connection: Connection,
    *,
    asked: Mapping[str, Any],
    prices: Mapping[str, Any],
    of: ChargesOf,
    created_by: int,
) -> int:
    """Note what is to be rated: the charges that there are now. Answers the run's id."""
    found = await stretch_of(connection, of)
    return int(
        await connection.fetchval(
            _ADD,
            orjson.dumps({**asked, "settled_by": found.settled_by}).decode(),
            orjson.dumps(prices).decode(),
            *of,
            found.first_entry_id,
            found.last_entry_id,
            found.entries,
            created_by,
        )
    )


async def read_run(
    connection: Connection | asyncpg.Pool, run_id: int, *, lock: bool = False
) -> Run | None:
    """The run as it is; with `lock` to the end of the transaction."""
    row = await connection.fetchrow(_LOCK if lock else _READ, run_id)
    return None if row is None else _run(row)


async def list_runs(pool: asyncpg.Pool, *, before: int, limit: int) -> list[Run]:
    """The newest first."""
    return [_run(row) for row in await pool.fetch(_LIST, before, limit)]


async def claim_run(connection: Connection) -> Run | None:
    """The oldest run with work left that nobody works at, locked to the transaction's end."""
    row = await connection.fetchrow(_CLAIM)
    return None if row is None else _run(row)


async def prices_of(connection: Connection, run_id: int) -> dict[str, Any]:
    """The prices as they were when the run was asked for."""
    found: dict[str, Any] = orjson.loads(await connection.fetchval(_PRICES, run_id))
    return found


async def add_sums(
    connection: Connection, run_id: int, sums: Mapping[tuple[int, str], Iterable[int]]
) -> None:
    """Add requests, old and new units, by workspace and model."""
    keys = sorted(sums)
    columns = zip(*(sums[key] for key in keys), strict=True) if keys else ((), (), ())
    await connection.execute(
        _ADD_SUMS,
        run_id,
        [workspace_id for workspace_id, _ in keys],
        [model for _, model in keys],
        *(list(column) for column in columns),
    )


async def move_rated(
    connection: Connection, run_id: int, *, state: str, next_entry_id: int, done: int, without: int
) -> None:
    """The run's place after a chunk."""
    await connection.execute(_RATED, run_id, state, next_entry_id, done, without)


async def move_posted(
    connection: Connection, run_id: int, *, state: str, next_entry_id: int
) -> None:
    """The run's place after a chunk of postings."""
    await connection.execute(_POSTED, run_id, state, next_entry_id)


async def set_state(connection: Connection, run: Run, state: str, **more: Any) -> None:
    """The run's state, and what is noted with it."""
    asked = orjson.dumps(run.asked | more).decode()
    await connection.execute(_SET_STATE, run.run_id, state, asked)


async def read_totals(connection: Connection | asyncpg.Pool, run_id: int) -> Totals:
    """All sums of a run."""
    (row,) = await connection.fetch(_TOTALS, run_id)
    return Totals(*row)


async def read_results(
    connection: Connection | asyncpg.Pool, run_id: int, *, after: tuple[int, str], limit: int
) -> list[dict[str, Any]]:
    """Sums in order of workspace and model, behind `after`."""
    return [dict(row) for row in await connection.fetch(_RESULTS, run_id, *after, limit)]


def _run(row: asyncpg.Record) -> Run:
    return Run(*row)._replace(asked=orjson.loads(row["asked"]))
