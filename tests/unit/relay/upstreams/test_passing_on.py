"""Bodies handed on as they arrive: what every client promises, against a server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from services.relay.upstreams.aiohttp_client import AiohttpUpstream
from services.relay.upstreams.http2_client import Http2Upstream
from services.relay.upstreams.upstream import Upstream, UpstreamAnswer
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.hearing import Hearing
from tests.unit.relay.http1.raw_server import (
    LOOPBACK,
    Asked,
    call,
    client,
    saying,
    serving,
    until,
    whole,
)

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(params=["http1", "aiohttp", "http2"])
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[Upstream]:
    times = {"first_byte_s": 0.5, "idle_s": 0.5, "connect_s": 0.5}
    if request.param == "http1":
        async with client(**times) as own:
            yield own
    elif request.param == "aiohttp":
        async with aiohttp.ClientSession() as session:
            yield AiohttpUpstream(session, **times)
    else:
        tls = ssl.create_default_context()
        http2 = Http2Upstream(policy=LOOPBACK, tls=tls, max_connections=8, keep_s=60, **times)
        yield http2
        await http2.close()


async def test_events_are_handed_on_one_by_one_and_the_connection_is_kept(
    upstream: Upstream,
) -> None:
    heard = asyncio.Event()

    async def script(asked: Asked) -> None:
        while True:
            await asked.request()
            await asked.say(EVENTS)
            for number in range(5):
                await asked.say(b"2\r\n%02d\r\n" % number)
                await asyncio.wait_for(heard.wait(), 5)
                heard.clear()
            await asked.say(END)

    async with serving(script) as server:
        for _ in range(3):
            answer = await upstream.send(call(server.url))
            hearing = Hearing(on_piece=heard.set)
            answer.pass_to(hearing)
            assert await hearing.over() == (b"0001020304", "ended")
            assert hearing.pieces == [b"%02d" % number for number in range(5)]
            answer.release()
        assert server.connections == 1


async def test_after_a_first_chunk_the_rest_is_handed_on(upstream: Upstream) -> None:
    more = asyncio.Event()

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS, b"1\r\na\r\n")
        await more.wait()
        await asked.say(b"1\r\nb\r\n", END)

    async with serving(script) as server:
        answer = await upstream.send(call(server.url))
        assert await answer.next_chunk() == b"a"
        hearing = Hearing()
        answer.pass_to(hearing)
        more.set()
        assert await hearing.over() == (b"b", "ended")


CUT: dict[str, tuple[bytes, ErrorCode]] = {
    "short of its length": (OK[:-1], ErrorCode.UPSTREAM_CUT),
    "no last chunk": (EVENTS + b"4\r\nhell\r\n", ErrorCode.UPSTREAM_CUT),
    "a bad chunk": (EVENTS + b"4\r\nhell\r\nzz\r\n", ErrorCode.UPSTREAM_CUT),
}


@pytest.mark.parametrize("name", CUT)
async def test_a_cut_is_told_after_what_came(upstream: Upstream, name: str) -> None:
    raw, code = CUT[name]
    passed = asyncio.Event()

    async def script(asked: Asked) -> None:
        await asked.request()
        at = raw.index(b"hell") + 6
        await asked.say(raw[:at])
        await asyncio.wait_for(passed.wait(), 5)
        await asked.say(raw[at:])

    async with serving(script) as server:
        answer = await upstream.send(call(server.url))
        hearing = Hearing(on_piece=passed.set)
        answer.pass_to(hearing)
        came, told = await hearing.over()
        assert came == b"hell"
        # aiohttp says nothing of a chunk that is none, until the time is over.
        is_silent = isinstance(upstream, AiohttpUpstream) and name == "a bad chunk"
        assert told is (ErrorCode.UPSTREAM_TIMEOUT if is_silent else code)
        answer.abort()
        await until(lambda: server.open == 0)


async def test_a_silence_is_a_timeout_and_none_while_it_pauses(upstream: Upstream) -> None:
    passed = asyncio.Event()

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS, b"1\r\na\r\n")
        await asked.closed()

    async with serving(script) as server:
        answer = await upstream.send(call(server.url))
        hearing = Hearing(on_piece=passed.set)
        answer.pass_to(hearing)
        await passed.wait()
        answer.pause()
        await asyncio.sleep(0.3)
        answer.resume()
        answer.pause()
        await asyncio.sleep(0.8)
        waited, resumed = hearing.end, asyncio.get_running_loop().time()
        answer.resume()
        assert await hearing.over() == (b"a", ErrorCode.UPSTREAM_TIMEOUT)
        if isinstance(upstream, AiohttpUpstream | Http2Upstream):
            # A piece that was being waited for when the pause began may fail in it, and not tell.
            assert waited is None
        else:
            assert 0.4 < asyncio.get_running_loop().time() - resumed < 2
        answer.abort()
        await until(lambda: server.open == 0)


async def test_a_slow_taker_slows_its_upstream(upstream: Upstream) -> None:
    said, size, piece = 0, 60_000_000, bytes(100_000)

    async def script(asked: Asked) -> None:
        nonlocal said
        await asked.request()
        await asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            await asked.say(piece)
            said += len(piece)
        await asked.closed()

    async with serving(script) as server:
        answer = await upstream.send(call(server.url))
        hearing = Hearing(on_piece=answer.pause)
        answer.pass_to(hearing)
        await until(lambda: bool(hearing.pieces))
        await asyncio.sleep(0.7)
        assert said - len(hearing.body) < 20_000_000
        while hearing.end is None:
            answer.resume()
            await asyncio.sleep(0)
        assert (len(hearing.body), hearing.end) == (size, "ended")
        # One read of the connection, or the buffer of the client.
        assert max(map(len, hearing.pieces)) <= 1_000_000


Way = Callable[[UpstreamAnswer], None]


@pytest.mark.parametrize("way", [lambda answer: answer.abort(), lambda answer: answer.release()])
@pytest.mark.parametrize("is_within", [False, True])
async def test_given_up_it_tells_nothing_more(
    upstream: Upstream, way: Way, is_within: bool
) -> None:
    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(EVENTS)
        while True:
            await asked.say(b"1\r\na\r\n")
            await asyncio.sleep(0.005)

    async with serving(script) as server:
        answer = await upstream.send(call(server.url))
        passed = asyncio.Event()

        def on_piece() -> None:
            passed.set()
            if is_within:
                way(answer)

        hearing = Hearing(on_piece=on_piece)
        answer.pass_to(hearing)
        await passed.wait()
        way(answer)
        told = len(hearing.pieces)
        await until(lambda: server.open == 0)
        assert (len(hearing.pieces), hearing.end, hearing.faults) == (told, None, [])
        assert await whole_of(upstream) == b"hello"


async def whole_of(upstream: Upstream) -> bytes:
    async with serving(saying(OK)) as server:
        return await whole(await upstream.send(call(server.url)))


async def test_each_gets_its_own_bytes_under_load(upstream: Upstream) -> None:
    """Streams of many callers, some cut, some given up, over few connections."""

    async def script(asked: Asked) -> None:
        while True:
            body = await asked.request()
            await asked.say(EVENTS)
            for _ in range(20):
                await asked.say(b"%x\r\n%b\r\n" % (len(body), body))
            if int(body) % 7 == 0:
                return
            await asked.say(END)

    async def ask(number: int) -> None:
        body = b"%06d" % number
        async with turns:
            answer = await upstream.send(call(server.url, body))
            hearing = Hearing()
            answer.pass_to(hearing)
            if number % 5 == 0:
                answer.abort()
                assert hearing.body == body * (len(hearing.body) // 6)
                return
            came, end = await hearing.over()
        if number % 7 == 0:
            answer.abort()
            assert end is ErrorCode.UPSTREAM_CUT
            # aiohttp forgets what it holds when the connection fails.
            assert (body * 20).startswith(came)
        else:
            answer.release()
            assert (came, end) == (body * 20, "ended")

    turns = asyncio.Semaphore(6)
    async with serving(script) as server:
        waiting: list[Awaitable[None]] = [ask(number) for number in range(100)]
        await asyncio.gather(*waiting)
