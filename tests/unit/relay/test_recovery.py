"""Finishing a dead relay's journal, while some of Kafka is away."""

from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from services.relay.journal.directory import JournalDirectory
from services.relay.leases.holds import LeaseExchange
from services.relay.metrics import JournalMetrics
from services.relay.publishing.recovery import Recovery
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from tests.unit.relay.fake_kafka import FakeKafka
from tests.unit.relay.published import Published


async def test_a_partition_that_is_away_delays_a_recovery_and_repeats_no_other(
    tmp_path: Path,
) -> None:
    """It is tried again every few seconds: the others' events must not grow on the topic."""
    relay = Published(tmp_path)
    relay.complete(300)
    relay.die()
    kafka = FakeKafka()
    recovery = Recovery(
        root=tmp_path,
        producer=cast("IdempotentProducer", kafka),
        exchange=cast("LeaseExchange", None),  # it had no leases
        metrics=JournalMetrics(CollectorRegistry()),
    )
    (orphan,) = JournalDirectory.take_over(tmp_path)
    kafka.without_leader = {2}
    for _ in range(3):
        with pytest.raises(SendError):
            await recovery.recover(orphan)
    assert set(kafka.written) == {0, 1, 3}
    assert not kafka.others, "it was marked as closed"
    kafka.without_leader = set()
    await recovery.recover(orphan)
    assert kafka.written == {n: relay.ids(n) for n in range(4)}
    (mark,) = kafka.others
    assert mark.value is not None
    assert b'"published_count":300' in mark.value
    assert JournalDirectory.take_over(tmp_path) == [], "it was left"
