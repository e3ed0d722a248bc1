"""Views reach the topic, however often Kafka is away, and the newest one holds."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from services.relay.health import publishing
from services.relay.health.publishing import HealthNews, HealthPublisher, observe_health
from services.relay.metrics import HealthMetrics
from shared.events.health import ChannelHealthChanged
from shared.events.requests import ErrorCode
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from tests.unit.relay.made import channel, health
from tests.unit.relay.relayed import until


class Kafka:
    """A producer that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.sent: list[list[OutgoingRecord]] = []

    async def send_all(self, records: Sequence[OutgoingRecord]) -> None:
        if self.failures:
            self.failures -= 1
            raise SendError("away")
        self.sent.append(list(records))


async def test_what_could_not_be_sent_is_sent_as_it_is_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "_RETRY_S", 0.02)
    monkeypatch.setattr(publishing, "_EVERY_S", 0.01)
    news, kafka = HealthNews(), Kafka(failures=2)
    keeper = health(channel(1), channel(2), changed=news.note)
    publisher = HealthPublisher(
        relay_id="relay-a",
        source="test",
        health=keeper,
        news=news,
        producer=cast("IdempotentProducer", kafka),
    )
    keeper.end(keeper.begin(1, 10), ErrorCode.UPSTREAM_AUTHENTICATION)
    running = asyncio.create_task(publisher.run())
    try:
        await until(lambda: kafka.failures == 1)
        keeper.end(keeper.begin(2, 20), ErrorCode.UPSTREAM_RATE_LIMITED, retry_after_s=60)
        await until(lambda: bool(kafka.sent))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    [records] = kafka.sent
    assert [record.key for record in records] == [b"channel:1:relay-a", b"channel:2:relay-a"]
    first, second = (ChannelHealthChanged.model_validate_json(r.value or b"") for r in records)
    assert first.refused_credentials[0].credential_id == 10
    assert second.reason is ErrorCode.UPSTREAM_RATE_LIMITED


async def test_the_gauge_says_how_each_channel_is() -> None:
    registry = CollectorRegistry()
    known = [channel(n) for n in (1, 2, 3)]
    keeper = health(*known)
    keeper.end(keeper.begin(2, 20), ErrorCode.UPSTREAM_RATE_LIMITED, retry_after_s=60)
    keeper.end(keeper.begin(3, 30), ErrorCode.UPSTREAM_QUOTA_EXHAUSTED)
    gauge = HealthMetrics(registry).channels
    running = asyncio.create_task(observe_health(keeper, "channel-{}".format, gauge))

    def value(number: int) -> float | None:
        labels = {"channel": f"channel-{number}"}
        return registry.get_sample_value("ledgerline_relay_channel_health", labels)

    try:
        await until(lambda: value(3) is not None)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert [value(number) for number in (1, 2, 3)] == [0, 1, 2]
