"""`log_freshness` follows the relays' marks, and never passes what an open one says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.stack import Stack
from operations import accept_gap
from operations.reconcile.topics import read_marks
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.health import RelayMarked
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.kafka.spans import SpanReader
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.service import LoggingService
from tests.made_events import outgoing, request

_BEHIND = timedelta(hours=1)
_READ = "SELECT complete_until, held_back_by FROM log_freshness"


class Relay:
    """A relay that is only its marks."""

    def __init__(self, producer: IdempotentProducer) -> None:
        self.id = new_event_id()
        self.published_until = datetime.now(UTC) - _BEHIND
        self._producer = producer

    async def mark(self, *, closed: bool, silent: timedelta = timedelta()) -> None:
        mark = RelayMarked(
            relay_id=self.id,
            published_until=datetime.now(UTC) if closed else self.published_until,
            published_count=0,
            closed=closed,
            marked_at=datetime.now(UTC) - silent,
        )
        attributes = Attributes(id=new_event_id(), source="ledgerline/test", time=mark.marked_at)
        await self._producer.send_all(
            [
                OutgoingRecord(
                    "relay.health",
                    f"mark:{self.id}".encode(),
                    encode_value(mark),
                    encode_headers(RelayMarked.TYPE, attributes),
                )
            ]
        )


@pytest.fixture
async def relay(producer: IdempotentProducer) -> AsyncIterator[Relay]:
    """Behind, before the service starts; closed at the end, so that it holds up nobody else."""
    made = Relay(producer)
    await made.mark(closed=False)
    try:
        yield made
    finally:
        await made.mark(closed=True)


async def test_an_open_relay_holds_it_back_by_name_and_a_closed_one_does_not(
    relay: Relay, service: LoggingService, producer: IdempotentProducer
) -> None:
    async def is_held_back() -> bool:
        row = await service.pool.fetchrow(_READ)
        return row is not None and relay.id in row["held_back_by"]

    await until(is_held_back, "the relay is named")
    event = request(completed_at=datetime.now(UTC))
    await producer.send_all([outgoing("relay.requests", event)])
    await service.has_rows([event.request_id])
    assert (await service.pool.fetchval(_READ)) <= relay.published_until.timestamp()

    await relay.mark(closed=True)

    async def is_let_go() -> bool:
        row = await service.pool.fetchrow(_READ)
        return row is not None and relay.id not in row["held_back_by"]

    await until(is_let_go, "the relay is not named any more")


async def test_a_lost_relay_is_closed_by_command_and_one_that_lives_is_not(
    infrastructure: Stack,
    relay: Relay,
    service: LoggingService,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once, however often it is said; and it stays what it had said of its published events."""
    kafka = ["--kafka", infrastructure.kafka_bootstrap]

    async def names_it() -> bool:
        row = await service.pool.fetchrow(_READ)
        return row is not None and relay.id in row["held_back_by"]

    async def closed() -> tuple[int, str, str]:
        code = await asyncio.to_thread(accept_gap.main, ["--relay", relay.id, *kafka])
        return code, *capsys.readouterr()

    async def newest() -> RelayMarked:
        async with SpanReader(bootstrap=kafka[1], client_id="test") as reader:
            return (await read_marks(reader))[relay.id]

    await until(names_it, "the relay is named")
    code, _, why = await closed()
    assert code == 1
    assert "said something" in why
    assert not (await newest()).closed

    await relay.mark(closed=False, silent=timedelta(minutes=6))
    code, told, _ = await closed()
    assert (code, "is closed" in told) == (0, True)

    async def is_let_go() -> bool:
        return not await names_it()

    await until(is_let_go, "the relay is not named any more")
    mark = await newest()
    assert (mark.closed, mark.published_until) == (True, relay.published_until)
    code, told, _ = await closed()
    assert (code, "already" in told) == (0, True)
    assert await newest() == mark


async def test_a_relay_that_nobody_knows_is_not_closed(
    infrastructure: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--relay", "made-up", "--kafka", infrastructure.kafka_bootstrap]
    assert await asyncio.to_thread(accept_gap.main, arguments) == 1
    assert "no relay made-up has left a mark" in capsys.readouterr().err
