"""Requests as they happen, from the topic: read only while somebody watches.

Not from the consumer that ingests, which has only its process's partitions, and not by NOTIFY,
which takes one lock for all (docs/decisions/0025).
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from services.logging.handlers import to_row
from services.logging.live.readers import Readers
from shared.events.catalog import RELAY_REQUESTS
from shared.events.event import MalformedEventError
from shared.kafka.records import Record
from shared.kafka.tail import TopicTail
from shared.telemetry.logs import describe_exception, get_logger

_LINGER_S: Final = 30.0
_AGAIN_S: Final = 0.5
# Not inside of a text: there the quotes are escaped.
_USER_ID: Final = re.compile(rb'"user_id":([0-9]{1,19})')

_logger = get_logger()


class LiveTail:
    """Hands what happens to the readers."""

    def __init__(
        self, *, bootstrap: str, client_id: str, readers: Readers, linger_s: float = _LINGER_S
    ) -> None:
        self._readers = readers
        self._linger_s = linger_s
        self._topic = TopicTail(
            bootstrap=bootstrap,
            client_id=client_id,
            topic=RELAY_REQUESTS.name,
            take=self._take,
            skipped=readers.tell_gap,
        )

    async def wait_ready(self) -> None:
        """Wait until a reader is told of all that happens from now on. It must have joined."""
        await self._topic.wait_ready()

    @property
    def positions(self) -> dict[int, int]:
        """By partition of the topic: from here on a reader that has joined is told of all."""
        return self._topic.positions

    async def run(self) -> None:
        """Follow the topic while there are readers, and a little longer. Until cancelled."""
        while True:
            await self._until(has_readers=True)
            following = asyncio.create_task(self._topic.run())
            leaving = asyncio.create_task(self._until_nobody_has_come_for(self._linger_s))
            try:
                await asyncio.wait((following, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                following.cancel()
                leaving.cancel()
                outcome, _ = await asyncio.gather(following, leaving, return_exceptions=True)
            if isinstance(outcome, Exception):
                # Who watches comes again, and has what was missed from the table.
                _logger.error("live.tail_failed", **describe_exception(outcome))
                self._readers.end()
                await asyncio.sleep(_AGAIN_S)

    async def _until_nobody_has_come_for(self, linger_s: float) -> None:
        while True:
            await self._until(has_readers=False)
            try:
                async with asyncio.timeout(linger_s):
                    await self._until(has_readers=True)
            except TimeoutError:
                return

    async def _until(self, *, has_readers: bool) -> None:
        while bool(len(self._readers)) != has_readers:
            self._readers.changed.clear()
            await self._readers.changed.wait()

    def _take(self, records: Sequence[Record]) -> None:
        may_want, tell = self._readers.may_want, self._readers.tell
        for record in records:
            found = _USER_ID.search(record.value or b"")
            if found is None or not may_want(int(found[1])):
                continue
            try:
                row = to_row(record)
            except MalformedEventError:
                continue  # who ingests it says so
            if row is not None:
                tell({**row._asdict(), "id": None})
