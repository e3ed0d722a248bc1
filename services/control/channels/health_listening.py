"""Reading `relay.health`: the newest views wait in memory until the database has taken them."""

import asyncio
from typing import Final

import asyncpg

from services.control.channels.channel_health import take_views
from services.control.channels.store_credentials import delete_view
from shared.events.event import Decoder, MalformedEventError, UnknownEventError
from shared.events.health import ChannelHealthChanged
from shared.kafka.records import Record
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, Connection, in_transaction
from shared.service.clock import utc_now
from shared.telemetry.logs import get_logger

_logger = get_logger()
_RETRY_S: Final = 1.0
_VIEW_KEY_PARTS: Final = 3


class HealthListener:
    """`apply` is the state reader's; `run` brings to the database what has been read."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._decoder = Decoder((ChannelHealthChanged,))
        self._waiting: dict[int, dict[str, ChannelHealthChanged | None]] = {}
        self._is_some = asyncio.Event()

    def apply(self, record: Record) -> None:
        """Take a record. What is no view of a channel changes nothing."""
        if record.value is None:
            kind, *rest = (record.key or b"").decode("utf-8", "replace").split(":")
            if kind == "channel" and len(rest) == _VIEW_KEY_PARTS - 1 and rest[0].isdigit():
                self._note(int(rest[0]), rest[1], None)
            return
        try:
            event = self._decoder.decode(record.headers, record.value)
        except UnknownEventError:
            return
        except MalformedEventError as error:
            _logger.error("state.malformed", topic=record.topic, why=str(error))
            return
        if isinstance(event, ChannelHealthChanged):
            self._note(event.channel_id, event.relay_id, event)

    async def run(self) -> None:
        """Take views until cancelled. A database that is away is waited for."""
        while True:
            await self._is_some.wait()
            self._is_some.clear()
            waiting, self._waiting = self._waiting, {}
            for channel_id, views in waiting.items():
                try:
                    await self._take(channel_id, views)
                except DATABASE_AWAY as error:
                    _logger.warning("health.not_taken", **describe_error(error))
                else:
                    continue
                newer = self._waiting.get(channel_id, {})
                self._waiting[channel_id] = {**views, **newer}
                self._is_some.set()
                await asyncio.sleep(_RETRY_S)

    def _note(self, channel_id: int, relay_id: str, view: ChannelHealthChanged | None) -> None:
        self._waiting.setdefault(channel_id, {})[relay_id] = view
        self._is_some.set()

    async def _take(self, channel_id: int, views: dict[str, ChannelHealthChanged | None]) -> None:
        gone = [relay_id for relay_id, view in views.items() if view is None]
        told = [view for view in views.values() if view is not None]

        async def work(connection: Connection) -> None:
            for relay_id in gone:
                await delete_view(connection, channel_id, relay_id)
            await take_views(connection, channel_id, told, now=utc_now())

        await in_transaction(self._pool, work, idempotent=True)
