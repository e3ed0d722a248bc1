"""What the composition root needs of the channels' health: built from the settings."""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from services.relay.health.keeper import ChannelHealth
from services.relay.health.publishing import HealthNews, HealthPublisher, observe_health
from services.relay.health.rules import HealthLimits
from services.relay.metrics import HealthMetrics
from services.relay.publishing.event_records import source_of
from services.relay.settings import RelaySettings
from shared.kafka.producer import IdempotentProducer


class Health(NamedTuple):
    """One relay's."""

    relay_id: str
    keeper: ChannelHealth
    news: HealthNews
    metrics: HealthMetrics

    def background(
        self, producer: IdempotentProducer, label: Callable[[int], str]
    ) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs as long as the relay does, by name."""
        publisher = HealthPublisher(
            relay_id=self.relay_id,
            source=source_of(self.relay_id),
            health=self.keeper,
            news=self.news,
            producer=producer,
        )
        return {
            "health": publisher.run(),
            "health-observer": observe_health(self.keeper, label, self.metrics.channels),
        }


def make_health(settings: RelaySettings, registry: CollectorRegistry, *, relay_id: str) -> Health:
    """All channels are well until something is heard of them."""
    news = HealthNews()
    keeper = ChannelHealth(
        relay_id=relay_id,
        limits=HealthLimits(
            failures_to_rest=settings.channel_failures_to_rest,
            rest_s=settings.channel_rest_s,
            max_rest_s=settings.channel_max_rest_s,
            rate_limited_rest_s=settings.channel_rate_limited_rest_s,
            probe_s=settings.channel_probe_s,
        ),
        changed=news.note,
    )
    return Health(relay_id, keeper, news, HealthMetrics(registry))
