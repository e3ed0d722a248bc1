"""Which events are new, in a table of your own PostgreSQL database."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Protocol

from ledgerline_events.events import Event
from ledgerline_events.ids import first_id_at

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS ledgerline_seen (
    topic text NOT NULL, event_id text COLLATE "C" NOT NULL, PRIMARY KEY (topic, event_id)
)
"""
# In order, so that two readers of the same events wait for one another and never in a circle.
_ADD: Final = """
INSERT INTO ledgerline_seen SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
ON CONFLICT DO NOTHING RETURNING topic, event_id
"""
_FORGET: Final = "DELETE FROM ledgerline_seen WHERE event_id < $1"


class Connection(Protocol):
    """What asyncpg's connections do."""

    async def execute(self, query: str, *args: Any) -> str:
        """The status of the statement, such as `DELETE 3`."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """The rows."""


class PostgresSeen:
    """Remembers ids in the caller's transaction: they commit with what it did, or neither.

    While another transaction adds the same ids this one waits to see whether that commits.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self) -> None:
        """Make its table, `ledgerline_seen`, where there is none."""
        await self._connection.execute(_CREATE)

    async def new_of(self, events: Iterable[Event]) -> list[Event]:
        """Those that were not seen before, in their order and each once; from now on they were."""
        once: dict[tuple[str, str], Event] = {}
        for event in events:
            once.setdefault((event.topic, event.id), event)
        if not once:
            return []
        topics, ids = zip(*once, strict=True)
        added = await self._connection.fetch(_ADD, list(topics), list(ids))
        new = {(row["topic"], row["event_id"]) for row in added}
        return [event for key, event in once.items() if key in new]

    async def forget_before(self, moment: datetime) -> int:
        """Forget the ids of events from before; answers how many.

        Safe for what the topics no longer hold: twice their retention ago, say.
        """
        told = await self._connection.execute(_FORGET, first_id_at(moment))
        return int(told.rpartition(" ")[2])
