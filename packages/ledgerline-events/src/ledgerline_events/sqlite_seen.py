"""Which events are new, in a table of your own SQLite database."""

import sqlite3
from datetime import datetime
from typing import Final

from ledgerline_events.events import Event
from ledgerline_events.ids import first_id_at

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS ledgerline_seen (
    topic TEXT NOT NULL, event_id TEXT NOT NULL, PRIMARY KEY (topic, event_id)
) WITHOUT ROWID
"""
_ADD: Final = "INSERT INTO ledgerline_seen VALUES (?, ?) ON CONFLICT DO NOTHING"
_FORGET: Final = "DELETE FROM ledgerline_seen WHERE event_id < ?"


class SqliteSeen:
    """Remembers ids in the caller's transaction: they commit with what it did, or neither."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Makes its table, `ledgerline_seen`, where there is none."""
        self._connection = connection
        connection.execute(_CREATE)

    def is_new(self, event: Event) -> bool:
        """Whether it was not seen before; from now on it was."""
        return self._connection.execute(_ADD, (event.topic, event.id)).rowcount == 1

    def forget_before(self, moment: datetime) -> int:
        """Forget the ids of events from before; answers how many.

        Safe for what the topics no longer hold: twice their retention ago, say.
        """
        return self._connection.execute(_FORGET, (first_id_at(moment),)).rowcount
