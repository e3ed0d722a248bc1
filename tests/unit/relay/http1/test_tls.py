"""TLS: verified by authority, name and time, and refused where one of them is wrong."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from services.relay.upstreams.upstream import UpstreamFailure
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.certificates import self_signed, server_side, trusting
from tests.unit.relay.http1.raw_server import Asked, call, client, saying, serving, until, whole

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_a_verified_peer_is_spoken_to_and_kept(tmp_path: Path) -> None:
    path = self_signed(tmp_path, "localhost")
    async with (
        serving(saying(OK), server_side(path)) as server,
        client(tls=trusting(path)) as upstream,
    ):
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(5):
            assert await whole(await upstream.send(call(url, bytes(500_000)))) == b"hello"
        assert server.connections == 1
        assert b"\r\nHost: localhost:" in server.seen[0][0]


async def test_the_name_is_sent_to_the_peer(tmp_path: Path) -> None:
    path = self_signed(tmp_path, "localhost")
    context, told = server_side(path), list[str | None]()
    context.sni_callback = lambda _socket, name, _context: told.append(name)
    async with serving(saying(OK), context) as server, client(tls=trusting(path)) as upstream:
        await whole(await upstream.send(call(server.url.replace("127.0.0.1", "localhost"))))
    assert told == ["localhost"]


@pytest.mark.parametrize("wrong", ["authority", "name", "time"])
async def test_a_peer_that_cannot_be_verified_is_not_spoken_to(tmp_path: Path, wrong: str) -> None:
    ends_in = timedelta(days=-1 if wrong == "time" else 1)
    path = self_signed(
        tmp_path, "other.example" if wrong == "name" else "localhost", ends_in=ends_in
    )
    tls = ssl.create_default_context() if wrong == "authority" else trusting(path)
    async with serving(saying(OK), server_side(path)) as server, client(tls=tls) as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url.replace("127.0.0.1", "localhost")))
        assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION
        assert server.seen == []


async def test_a_peer_that_never_shakes_hands_is_a_timeout() -> None:
    async with serving(lambda asked: asked.closed()) as server, client(connect_s=0.2) as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url.replace("http:", "https:")))
        assert caught.value.code is ErrorCode.UPSTREAM_TIMEOUT
        await until(lambda: server.open == 0)


async def test_cut_and_closed_over_tls(tmp_path: Path) -> None:
    path = self_signed(tmp_path, "127.0.0.1")

    async def script(asked: Asked) -> None:
        await asked.request()
        await asked.say(OK[:-1] if asked.number else OK)

    async with (
        serving(script, server_side(path)) as server,
        client(tls=trusting(path)) as upstream,
    ):
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        with pytest.raises(UpstreamFailure) as caught:
            await whole(await upstream.send(call(server.url)))
        assert caught.value.code is ErrorCode.UPSTREAM_CUT


async def test_a_slow_reader_slows_a_peer_over_tls(tmp_path: Path) -> None:
    path, said = self_signed(tmp_path, "127.0.0.1"), 0

    async def script(asked: Asked) -> None:
        nonlocal said
        await asked.request()
        await asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(50):
            await asked.say(bytes(1_000_000))
            said += 1_000_000

    async with (
        serving(script, server_side(path)) as server,
        client(tls=trusting(path)) as upstream,
    ):
        answer = await upstream.send(call(server.url))
        await asyncio.sleep(0.3)
        assert said < 30_000_000
        assert len(await answer.read(50_000_000)) == 50_000_000
        answer.release()
