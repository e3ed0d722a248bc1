"""The sentences that rows of requests say: kept, so that a search need not read rows for them."""

from collections.abc import Iterable
from functools import partial
from typing import Final

import asyncpg

from shared.postgres.retrying import Connection, in_transaction

_KEEP: Final = """
INSERT INTO log_sentences (content) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
"""


class Sentences:
    """Remembers which are kept. A closed set in each release, so that all of it is in mind."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._kept: set[str] = set()

    async def keep(self, said: Iterable[str]) -> None:
        """See that each is in the table, committed at once. Raises what asyncpg raises."""
        new = sorted(set(said) - self._kept)
        if new:
            await in_transaction(self._pool, partial(_keep, new=new), idempotent=True)
            self._kept.update(new)


async def _keep(connection: Connection, *, new: list[str]) -> None:
    await connection.execute(_KEEP, new)
