"""Finishing a dead relay's journal, while some of Kafka is away."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from services.relay.journal.directory import JournalDirectory
from services.relay.leases.holds import LeaseExchange
from services.relay.metrics import JournalMetrics
from services.relay.publishing.recovery import Recovery
from services.relay.recording.completion import skeleton_of
from shared.events.requests import Outcome, RequestCompleted
from shared.kafka.errors import SendError
from shared.kafka.producer import IdempotentProducer
from tests.unit.relay.fake_kafka import FakeKafka
from tests.unit.relay.made import exchange
from tests.unit.relay.published import Published


def recovering(root: Path, kafka: FakeKafka) -> Recovery:
    return Recovery(
        root=root,
        producer=cast("IdempotentProducer", kafka),
        exchange=cast("LeaseExchange", None),  # it had no leases
        metrics=JournalMetrics(CollectorRegistry()),
    )


async def test_a_partition_that_is_away_delays_a_recovery_and_repeats_no_other(
    tmp_path: Path,
) -> None:
    """It is tried again every few seconds: the others' events must not grow on the topic."""
    relay = Published(tmp_path)
    relay.complete(300)
    relay.die()
    kafka = FakeKafka()
    recovery = recovering(tmp_path, kafka)
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
    assert kafka.said_replayed == set(relay.ids())
    (mark,) = kafka.others
    assert mark.value is not None
    assert b'"published_count":300' in mark.value
    assert JournalDirectory.take_over(tmp_path) == [], "it was left"


async def test_what_a_dead_relay_left_open_ended_when_it_was_last_seen(tmp_path: Path) -> None:
    """At each try the same event, byte for byte; and none that its last mark was ahead of."""
    relay = Published(tmp_path)
    for _ in range(2):
        going = exchange()
        kept = skeleton_of(going.opening, going.group_terms.group_json, going.arrival.traceparent)
        relay.journal.admit(going.arrival.id_bytes, kept)
    before = datetime.now(UTC)
    await relay.publisher.mark(closed=False)
    relay.die()
    died = datetime.now(UTC)
    kafka = FakeKafka()
    kafka.without_leader = {0, 1, 2, 3}
    for _ in range(2):  # another relay each time, which knows nothing of the try before
        (orphan,) = JournalDirectory.take_over(tmp_path)
        with pytest.raises(SendError):
            await recovering(tmp_path, kafka).recover(orphan)
        orphan.unlock()
    first, second = kafka.asked[:2], kafka.asked[2:]
    assert len(first) == 2
    assert first == second
    for record in first:
        assert record.value is not None
        event = RequestCompleted.model_validate_json(record.value)
        assert event.outcome is Outcome.INTERRUPTED
        assert event.started_at <= before <= event.completed_at <= died


async def test_what_was_admitted_last_did_not_end_before_it_began(tmp_path: Path) -> None:
    """Its relay died before it had said or completed anything."""
    relay = Published(tmp_path)
    going = exchange()
    kept = skeleton_of(going.opening, going.group_terms.group_json, going.arrival.traceparent)
    relay.journal.admit(going.arrival.id_bytes, kept)
    relay.die()
    kafka = FakeKafka()
    (orphan,) = JournalDirectory.take_over(tmp_path)
    await recovering(tmp_path, kafka).recover(orphan)
    (record,) = kafka.asked
    assert record.value is not None
    event = RequestCompleted.model_validate_json(record.value)
    assert event.completed_at == event.started_at == going.arrival.started_at
