"""`GET /api/requests/stream`: what happens, to each who watches, as it happens."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import asyncpg
from yarl import URL

from services.logging.listing.reading import Reading
from services.logging.live.ingested import Ingested
from services.logging.live.readers import MAX_OF_A_USER
from shared.events.requests import RequestCompleted
from shared.http.assertions import ASSERTION_HEADER, Caller
from shared.kafka.producer import IdempotentProducer
from tests.integration.logging_service.log_api import ADA, ADAS_KEY, ADMIN, LogApi
from tests.made_events import outgoing, request
from tests.made_rows import row_of, write_rows

STREAM = "/api/requests/stream"
LONG = aiohttp.ClientTimeout(total=60)


class Watching:
    """One stream, read event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def event(self) -> dict[str, str]:
        """The next event's fields."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            while True:
                line = (await self._response.content.readline()).decode()
                assert line, "the stream has ended"
                if line != "\n":
                    name, _, value = line.rstrip("\n").partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    return fields
                else:
                    fields = {}

    async def ids(self, count: int) -> list[str]:
        return [json.loads((await self.event())["data"])["request_id"] for _ in range(count)]


@asynccontextmanager
async def watching(
    api: LogApi, caller: Caller, headers: dict[str, str] | None = None, **params: str
) -> AsyncIterator[Watching]:
    async with api.call(
        "GET", STREAM, caller, params=params, headers=headers or {}, timeout=LONG
    ) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Watching(response)


async def publish(producer: IdempotentProducer, *events: RequestCompleted) -> None:
    await producer.send_all([outgoing("relay.requests", event) for event in events])


def ours(**changes: Any) -> RequestCompleted:
    """Of users whom no other test's events are of."""
    return request(**{"user_id": 790_001, "key_id": 790_002, **changes})


WATCHER = Caller(user_id=790_001, username="ada", role=ADA.role, workspace_id=7)
KEY = Caller(user_id=790_001, username="ada", role=ADA.role, workspace_id=7, key_id=790_002)


async def test_everybody_sees_their_own_as_it_happens(
    api: LogApi, producer: IdempotentProducer
) -> None:
    of_key, of_user = ours(), ours(key_id=790_003)
    of_bob = ours(user_id=790_009)
    async with (
        watching(api, WATCHER) as user,
        watching(api, KEY) as key,
        watching(api, ADMIN, user_id="790009") as admin,
    ):
        await publish(producer, of_bob, of_user, of_key)
        seen = await user.event()
        assert (seen["event"], seen["id"].partition("-")[2]) == ("request", of_user.request_id)
        item = json.loads(seen["data"])
        assert (item["request_id"], item["id"]) == (of_user.request_id, None)
        assert item["channel_name"] is None
        assert await user.ids(1) == [of_key.request_id]
        assert await key.ids(1) == [of_key.request_id]
        told = json.loads((await admin.event())["data"])
        assert (told["request_id"], told["channel_name"]) == (of_bob.request_id, "primary")


async def test_a_stream_has_what_was_asked_for(api: LogApi, producer: IdempotentProducer) -> None:
    wanted = ours(requested_model="claude-x", latency_ms=5_000)
    async with watching(api, WATCHER, model="clau%", min_latency_ms="5000") as stream:
        await publish(producer, ours(), ours(requested_model="claude-x"), wanted)
        assert await stream.ids(1) == [wanted.request_id]


_APPLIED = """
INSERT INTO consumer_watermarks (consumer_group, topic, partition, next_offset)
SELECT 'logging', 'relay.requests', partition, $1 FROM generate_series(0, 63) AS partition
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


async def test_who_comes_again_gets_what_was_missed_and_then_what_happens(
    api: LogApi, producer: IdempotentProducer
) -> None:
    first, missed, later = ours(), ours(), ours()
    async with watching(api, WATCHER) as stream:
        await publish(producer, first)
        last_id = (await stream.event())["id"]
    async with api.pool.acquire() as connection:
        await write_rows(connection, [row_of(first), row_of(missed)])
        await connection.execute(_APPLIED, 2**40)
    async with watching(api, WATCHER, {"Last-Event-ID": last_id}) as stream:
        await publish(producer, later)
        seen = await stream.ids(3)
    assert sorted(seen[:2]) == sorted([first.request_id, missed.request_id])
    assert seen[2] == later.request_id


async def test_who_comes_again_misses_nothing_that_has_no_row_yet(
    api: LogApi, producer: IdempotentProducer
) -> None:
    """It is on the topic before the reader's queue begins, and comes to the table after that."""
    first, missed, later = ours(), ours(), ours()
    async with watching(api, ADMIN, user_id="790001") as other:
        async with watching(api, WATCHER) as stream:
            await publish(producer, first)
            last_id = (await stream.event())["id"]
        await publish(producer, missed)
        assert (await other.ids(2))[1] == missed.request_id
        again = watching(api, WATCHER, {"Last-Event-ID": last_id})
        coming = asyncio.create_task(again.__aenter__())
        assert not (await asyncio.wait({coming}, timeout=0.5))[0], "it did not wait for the row"
        await publish(producer, later)
        assert await other.ids(1) == [later.request_id]
        async with api.pool.acquire() as connection:
            await write_rows(connection, [row_of(event) for event in (first, missed, later)])
            await connection.execute(_APPLIED, 2**40)
        try:
            seen = await (await coming).ids(3)
        finally:
            await again.__aexit__(None, None, None)
    assert set(seen) == {first.request_id, missed.request_id, later.request_id}


async def test_rows_are_waited_for_no_longer_than_that(pool: asyncpg.Pool) -> None:
    ingested = Ingested(Reading(pool, statement_timeout_ms=5_000), group="logging", wait_s=0.2)
    assert await ingested.missing({0: 0, 1: 0}) == 0
    assert await ingested.missing({0: 5, 1: 2}) == 7
    await pool.execute(_APPLIED, 3)
    assert await ingested.missing({0: 5, 1: 2}) == 2
    await pool.execute(_APPLIED, 5)
    assert await ingested.missing({0: 5, 1: 2}) == 0


async def test_who_leaves_makes_room_at_once(api: LogApi) -> None:
    """A page that is loaded again is another stream, and a browser gives up after a 429."""
    for _ in range(MAX_OF_A_USER):
        async with watching(api, WATCHER):
            pass
    async with asyncio.timeout(12):  # the second comment would find it out after 30 s
        while True:
            async with api.call("GET", STREAM, WATCHER) as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.1)


async def test_a_reader_who_takes_nothing_is_cut_and_the_others_get_all(
    api: LogApi, producer: IdempotentProducer
) -> None:
    events = [ours() for _ in range(2_000)]
    async with watching(api, WATCHER) as reading:
        with socket.socket() as slow:
            await _ask_and_take_nothing(api, slow)
            for start in range(0, len(events), 100):
                part = [event.request_id for event in events[start : start + 100]]
                await publish(producer, *events[start : start + 100])
                assert await reading.ids(100) == part
            taken = await _read_to_the_end(slow)
    assert taken.count(b"event: request") < len(events), "all of it was kept for it"


async def _ask_and_take_nothing(api: LogApi, slow: socket.socket) -> None:
    """Until the stream has begun; of what comes then the system keeps a few KB."""
    loop, url = asyncio.get_running_loop(), URL(api.url)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    await loop.sock_connect(slow, (url.host, url.port))
    assertion = api.signer.sign(WATCHER, audience="logging")
    asked = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\n{ASSERTION_HEADER}: {assertion}\r\n\r\n"
    await loop.sock_sendall(slow, asked.encode())
    begun = b""
    async with asyncio.timeout(30):
        while b"retry: " not in begun:
            begun += await loop.sock_recv(slow, 4096)


async def _read_to_the_end(slow: socket.socket) -> bytes:
    taken = b""
    async with asyncio.timeout(30):
        with suppress(ConnectionResetError):
            while part := await asyncio.get_running_loop().sock_recv(slow, 65536):
                taken += part
    return taken


async def test_a_stop_ends_streams_and_waits_for_none(
    api: LogApi, producer: IdempotentProducer
) -> None:
    last = ours()
    async with (
        api.call("GET", STREAM, WATCHER, timeout=LONG) as response,
        watching(api, ADMIN, user_id="790001") as other,
    ):
        await publish(producer, last)
        assert await other.ids(1) == [last.request_id]
        await api.app.shutdown()
        async with asyncio.timeout(4):  # a stop waits for 5 s, and then cuts
            taken = await response.read()
    assert last.request_id.encode() in taken


async def test_so_many_streams_of_a_user_and_no_more(api: LogApi) -> None:
    async with (
        watching(api, WATCHER),
        watching(api, WATCHER),
        watching(api, KEY),
        watching(api, WATCHER),
        watching(api, WATCHER),
    ):
        assert MAX_OF_A_USER == 5
        async with api.call("GET", STREAM, WATCHER) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "5")
        async with watching(api, ADAS_KEY):
            pass
    async with api.call("GET", STREAM, None) as response:
        assert response.status == 401
    answer = await api.get(STREAM, ADMIN, {"status": "x"})
    assert not answer["success"]
