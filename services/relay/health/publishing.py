"""Telling the other relays, and control, how this one finds its channels.

Plain idempotent sends, as for the journal's mark: the keys are this relay's alone, so nobody can
overtake it, and the newest view of a channel holds. While Kafka is away views wait, one a channel.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from prometheus_client import Gauge

from services.relay.health.keeper import ChannelHealth
from shared.events.catalog import RELAY_HEALTH
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.health import ChannelHealthChanged, HealthState
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.telemetry.logs import get_logger

_logger = get_logger()
# A channel that breaks is told at once; one that flaps, this often at the most.
_EVERY_S: Final = 0.2
_RETRY_S: Final = 1.0
_OBSERVE_S: Final = 2.0
_GAUGE: Final = {HealthState.HEALTHY: 0, HealthState.RESTING: 1, HealthState.DISABLED: 2}


class HealthNews:
    """Which channels' views are still to be told."""

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        self.is_some = asyncio.Event()

    def note(self, channel_id: int) -> None:
        """Its view has changed."""
        self.waiting.add(channel_id)
        self.is_some.set()


class HealthPublisher:
    """Publishes one relay's views."""

    def __init__(
        self, *, relay_id: str, source: str, health: ChannelHealth, news: HealthNews,
        producer: IdempotentProducer,
    ) -> None:  # fmt: skip
        self._relay_id = relay_id
        self._source = source
        self._health = health
        self._news = news
        self._producer = producer

    async def run(self) -> None:
        """Publish until cancelled."""
        news = self._news
        while True:
            await news.is_some.wait()
            news.is_some.clear()
            waiting, news.waiting = news.waiting, set()
            try:
                await self._producer.send_all([self._record(one) for one in sorted(waiting)])
            except SendError:
                _logger.warning("health.publish_failed", channels=len(waiting))
                await asyncio.sleep(_RETRY_S)
                news.waiting |= waiting
                news.is_some.set()
            await asyncio.sleep(_EVERY_S)

    def _record(self, channel_id: int) -> OutgoingRecord:
        view = self._health.view(channel_id)
        attributes = Attributes(id=new_event_id(), source=self._source, time=view.changed_at)
        return OutgoingRecord(
            topic=RELAY_HEALTH.name,
            key=f"channel:{channel_id}:{self._relay_id}".encode(),
            value=encode_value(view),
            headers=encode_headers(ChannelHealthChanged.TYPE, attributes),
        )


async def observe_health(health: ChannelHealth, label: Callable[[int], str], gauge: Gauge) -> None:
    """Keep the gauge of each channel at what it is, until cancelled."""
    told: set[str] = set()
    while True:
        worst: dict[str, int] = {}
        for channel_id, state in health.states().items():
            name = label(channel_id)
            worst[name] = max(worst.get(name, 0), _GAUGE[state])
        for gone in told - worst.keys():
            gauge.remove(gone)
        for name, value in worst.items():
            gauge.labels(name).set(value)
        told = set(worst)
        await asyncio.sleep(_OBSERVE_S)
