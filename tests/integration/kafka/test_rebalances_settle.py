"""A group comes to rest after a rebalance, also while events flow."""

from time import monotonic
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from shared.kafka import consumer as consumer_module
from shared.kafka.producer import IdempotentProducer
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import Ledger, consuming, event
from tests.integration.kafka.waiting import until

_QUIET_S = 3.0


async def test_a_member_that_has_to_join_again_at_once_does_so_once(
    pool: asyncpg.Pool,
    producer: IdempotentProducer,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits in JoinGroup for the other's heartbeat. Offsets that it noted then would come behind
    that, be refused, and have it join again: once for each heartbeat, for ever."""
    topic = await broker.new_topic(partitions=4)
    members: list[AIOKafkaConsumer] = []
    joined_at: list[float] = []
    assigned = consumer_module._Rebalances.on_partitions_assigned

    class Member(AIOKafkaConsumer):  # type: ignore[misc]  # it has no types
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            members.append(self)

    def join_again(rebalances: consumer_module._Rebalances, partitions: object) -> None:
        assigned(rebalances, partitions)
        joined_at.append(monotonic())
        if len(members) == 2 and len(joined_at) < 5:
            members[0]._coordinator.request_rejoin()

    monkeypatch.setattr(consumer_module, "AIOKafkaConsumer", Member)
    monkeypatch.setattr(consumer_module._Rebalances, "on_partitions_assigned", join_again)
    # So many wait that there is always something to apply, in the midst of a rebalance too.
    await producer.send_all([event(topic, n, key=bytes([n % 251])) for n in range(20_000)])
    ledger = Ledger(pool)
    async with consuming(ledger, producer, broker.bootstrap, topic, max_batch=10) as first:

        async def has_all() -> bool:
            return len(first.positions) == 4

        await until(has_all, "it leads the group")
        async with consuming(ledger, producer, broker.bootstrap, topic, max_batch=10) as second:

            async def is_at_rest() -> bool:
                both = first.positions and second.positions and first.ready and second.ready
                return bool(both) and monotonic() - joined_at[-1] > _QUIET_S

            await until(is_at_rest, "nobody joins again for a while")
