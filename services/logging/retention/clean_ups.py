"""Having history deleted: decided in one transaction, carried out by whoever has the turn.

`retention.running` deletes; here it is asked for, waited for and watched. A caller that leaves, or
a process that dies, stops nothing.
"""

import asyncio
from functools import partial
from typing import Final

import asyncpg

from services.logging.retention.store_clean_ups import Kind, Note, Row, begin, find, newest
from shared.audit.actions import Actor, record_action
from shared.postgres.retrying import Connection, in_transaction

SOURCE: Final = "ledgerline/logging"
WAIT_S: Final = 240.0
"""A caller is answered in this time; the relay ends a call after five minutes."""
_LOOK_S: Final = 0.1


class StillDeletingError(Exception):
    """The rows are out of every reader's sight, and deleting them takes longer than one waits."""

    def __init__(self, clean_up_id: int) -> None:
        super().__init__(clean_up_id)
        self.clean_up_id = clean_up_id


class CleanUps:
    """What the API asks for."""

    def __init__(self, pool: asyncpg.Pool, *, wait_s: float = WAIT_S) -> None:
        self._pool = pool
        self._wait_s = wait_s

    async def delete_before(self, timestamp: int, actor: Actor) -> int:
        """Delete every row created before `timestamp` (Unix seconds); answer how many, exactly.

        Repeatable: what is gone is not counted again. Raises StillDeletingError, and what asyncpg
        raises; whatever it raises after the beginning, the deletion goes on.
        """
        note = await in_transaction(self._pool, partial(_begin, timestamp=timestamp, actor=actor))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_s
        while loop.time() < deadline:
            row = await self.one(note.id)
            if row is not None and row["finished_at"] is not None:
                return int(row["deleted_rows"])
            await asyncio.sleep(_LOOK_S)
        raise StillDeletingError(note.id)

    async def one(self, clean_up_id: int) -> Row | None:
        """How far one is."""
        async with self._pool.acquire() as connection:
            return await find(connection, clean_up_id)

    async def page(self, *, limit: int, offset: int) -> tuple[list[Row], int]:
        """The newest, and how many there are."""
        async with self._pool.acquire() as connection:
            return await newest(connection, limit=limit, offset=offset)


async def _begin(connection: Connection, *, timestamp: int, actor: Actor) -> Note:
    note = await begin(connection, target=timestamp, kind=Kind.ADMIN, started_by=actor.user_id)
    await record_action(
        connection,
        actor,
        "log.delete",
        source=SOURCE,
        resource_id=note.id,
        changes={"target_timestamp": timestamp},
    )
    return note
