"""Logging's usage against billing's hours: what each user used of each model (I2).

Each is kept from the same events by a service that cannot see the other, so that nobody but this
command holds them against one another. Two things may lie between them, and are reckoned: what only
one has applied yet (`on_its_way.py`), and what came to logging after its time was deleted.
"""

from datetime import datetime
from typing import Final

import asyncpg

from operations.reconcile.gaps import Check, check
from operations.reconcile.usage.judging import usage_gaps
from operations.reconcile.usage.on_its_way import TooMuchError, on_its_way
from operations.reconcile.usage.tables import compared, refused
from shared.kafka.spans import SpanReader

_HOUR_S: Final = 3600
NAME: Final = "I2 usage = quota_data, by user, model, hour"


async def usage_check(
    connection: asyncpg.Connection, reader: SpanReader, *, since: datetime | None
) -> tuple[Check, list[str]]:
    """In the caller's snapshot; it changes nothing. With what was left out, and why.

    Hours before that of `since` are not compared. Raises what the broker and the database raise.
    """
    first = 0 if since is None else int(since.timestamp()) // _HOUR_S * _HOUR_S
    found = await compared(connection, since=first)
    if not found.differing:
        return check(NAME, found.looked_at, []), found.notes
    try:
        ahead = await on_its_way(connection, reader, found.differing.keys())
    except TooMuchError:
        # The positions of the consumers are gaps then.
        note = "usage not compared: one of billing and logging is far behind the other"
        return check(NAME, 0, []), [*found.notes, note]
    gaps = usage_gaps(found.differing, ahead, await refused(connection, found.differing))
    return check(NAME, found.looked_at, gaps), found.notes
