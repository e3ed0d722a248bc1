"""How many connections there are, and how long they wait."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from services.relay.upstreams.metrics import ConnectionMetrics
from services.relay.upstreams.upstream import UpstreamFailure
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.raw_server import (
    Asked,
    call,
    client,
    place,
    saying,
    serving,
    until,
    whole,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_no_more_connections_than_allowed_and_everybody_has_a_turn() -> None:
    most = 0

    async def script(asked: Asked) -> None:
        nonlocal most
        while True:
            await asked.request()
            most = max(most, server.open)
            await asyncio.sleep(0.002)
            await asked.say(OK)

    async def ask() -> bytes:
        return await whole(await upstream.send(call(server.url)))

    async with serving(script) as server, client(max_connections=3) as upstream:
        answers = await asyncio.gather(*(ask() for _ in range(60)))
        assert answers == [b"hello"] * 60
        assert server.connections == most == 3
        assert upstream.pool.count(place(server.url)) == (3, 3)


async def test_a_turn_that_does_not_come_is_a_timeout() -> None:
    async with (
        serving(saying(OK)) as server,
        client(max_connections=1, connect_s=0.2) as upstream,
    ):
        held = await upstream.send(call(server.url))
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url))
        assert caught.value.code is ErrorCode.UPSTREAM_TIMEOUT
        assert await whole(held) == b"hello"
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 1


async def test_turns_come_back_from_every_kind_of_end() -> None:
    """A turn that is lost would in time stop the channel for good."""
    raws = [
        OK,
        OK + b"junk",
        OK[:-1],
        b"SSH-2.0\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        b"",
    ]

    async def script(asked: Asked) -> None:
        await asked.say(raws[int(await asked.request())])

    async with serving(script) as server, client(max_connections=1) as upstream:
        for _ in range(3):
            for number in range(len(raws)):
                try:
                    answer = await upstream.send(call(server.url, b"%d" % number))
                    await whole(answer)
                except UpstreamFailure as failure:
                    assert failure.code is not ErrorCode.UPSTREAM_TIMEOUT  # noqa: PT017
        origin = place(server.url)
        await until(lambda: upstream.pool.count(origin) == (0, 0))


async def test_turns_come_back_where_nobody_listens() -> None:
    async with serving(saying(OK)) as server:
        url = server.url
    async with client(max_connections=1) as upstream:
        for _ in range(3):
            with pytest.raises(UpstreamFailure) as caught:
                await upstream.send(call(url))
            assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION


async def test_a_connection_that_waits_too_long_is_closed() -> None:
    async with serving(saying(OK)) as server, client(keep_s=0.2) as upstream:
        await whole(await upstream.send(call(server.url)))
        await asyncio.sleep(0.1)
        await whole(await upstream.send(call(server.url)))
        await asyncio.sleep(0.15)
        assert server.connections == server.open == 1
        await until(lambda: server.open == 0)
        assert upstream.pool.count(place(server.url)) == (0, 0)
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 2


async def test_a_waiting_connection_that_the_peer_closes_is_forgotten() -> None:
    async with serving(saying(OK, stays=False)) as server, client() as upstream:
        await whole(await upstream.send(call(server.url)))
        await until(lambda: upstream.pool.count(place(server.url)) == (0, 0))


async def test_origins_share_nothing() -> None:
    async with (
        serving(saying(OK)) as one,
        serving(saying(OK.replace(b"hello", b"world"))) as other,
        client(max_connections=1) as upstream,
    ):
        for _ in range(3):
            first = await upstream.send(call(one.url))
            second = await upstream.send(call(other.url))
            assert (await whole(second), await whole(first)) == (b"world", b"hello")
        assert (one.connections, other.connections) == (1, 1)


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    async with serving(saying(OK)) as server, client(max_connections=1) as upstream:
        held = await upstream.send(call(server.url))
        waiting = [asyncio.create_task(upstream.send(call(server.url))) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in waiting[:2]:
            task.cancel()
        await whole(held)
        assert await whole(await waiting[2]) == b"hello"
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        await asyncio.gather(*waiting[:2], return_exceptions=True)


async def test_channels_share_no_connection_although_they_lead_to_one_origin() -> None:
    """One channel that uses all it may must not stop another of the same provider."""
    async with (
        serving(saying(OK)) as server,
        client(max_connections=1, connect_s=0.2) as upstream,
    ):
        one, other = (call(server.url)._replace(pool=pool) for pool in (1, 2))
        held = await upstream.send(one)
        assert await whole(await upstream.send(other)) == b"hello"
        with pytest.raises(UpstreamFailure):
            await upstream.send(one)
        await whole(held)
        for asked in (one, other, one):
            await whole(await upstream.send(asked))
        assert server.connections == 2
        assert upstream.pool.count(place(server.url, 1)) == (1, 1)


async def test_of_a_channel_that_is_gone_nothing_is_kept() -> None:
    async with serving(saying(OK, stays=False)) as server, client(max_connections=1) as upstream:
        for pool in range(20):
            await whole(await upstream.send(call(server.url)._replace(pool=pool)))
        waiting = [asyncio.create_task(upstream.send(call(server.url))) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await until(lambda: not upstream.pool._shelves)


async def test_a_turn_given_to_one_that_gives_up_goes_to_the_next() -> None:
    async with serving(saying(OK)) as server, client(max_connections=1) as upstream:
        for _ in range(20):
            held = await upstream.send(call(server.url))
            waiting = [asyncio.create_task(upstream.send(call(server.url))) for _ in range(3)]
            await until(lambda: upstream.pool.totals()[2] == 3)
            # The turn is handed to the first, which is cancelled before it is awake.
            await whole(held)
            waiting[0].cancel()
            assert await whole(await waiting[1]) == b"hello"
            assert await whole(await waiting[2]) == b"hello"
            await asyncio.gather(waiting[0], return_exceptions=True)
        assert upstream.pool.totals() == (0, 1, 0)


async def test_what_connections_do_is_counted() -> None:
    registry = CollectorRegistry()

    def figures() -> dict[str, float]:
        return {
            "/".join(sample.labels.values()) or "waiting": sample.value
            for metric in registry.collect()
            for sample in metric.samples
        }

    async with serving(saying(OK)) as server, client(max_connections=1) as upstream:
        ConnectionMetrics(registry, upstream.pool)
        none = dict.fromkeys(
            ("busy", "idle", "waiting", "opened", "reused", "failed", "retried"), 0.0
        )
        assert figures() == none
        answer = await upstream.send(call(server.url))
        task = asyncio.create_task(upstream.send(call(server.url)))
        await until(lambda: figures()["waiting"] == 1)
        assert figures() == {**none, "busy": 1, "opened": 1, "waiting": 1}
        await whole(answer)
        await whole(await task)
        assert figures() == {**none, "idle": 1, "opened": 1, "reused": 1}
    with pytest.raises(UpstreamFailure):
        await upstream.send(call(server.url))
    assert figures() == {**none, "opened": 1, "reused": 1, "failed": 1}


async def test_calls_that_are_sent_again_are_counted() -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK)
        await asked.request()

    async with serving(script) as server, client() as upstream:
        for _ in range(3):
            await whole(await upstream.send(call(server.url)))
        tally = upstream.pool.tally
        assert (tally.opened, tally.reused, tally.retried) == (3, 2, 2)
