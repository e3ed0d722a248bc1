"""Calls over HTTP/2: the same answers, failures and times as over HTTP/1.1."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.relay.upstreams.http2_client import Http2Upstream
from services.relay.upstreams.upstream import UpstreamCall, UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy
from tests.unit.relay.http1 import raw_server
from tests.unit.relay.http1.certificates import self_signed, server_side, trusting
from tests.unit.relay.http1.raw_server import LOOPBACK, saying, serving, until, whole
from tests.unit.relay.upstreams.http2_server import Asked, Http2Server, Script, serving_http2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "localhost")


@asynccontextmanager
async def speaking(certificate: Path, **changes: Any) -> AsyncIterator[Http2Upstream]:
    settings: dict[str, Any] = {
        "policy": LOOPBACK,
        "tls": trusting(certificate),
        "first_byte_s": 2.0,
        "idle_s": 2.0,
        "connect_s": 2.0,
        "max_connections": 8,
        "keep_s": 60.0,
    }
    upstream = Http2Upstream(**{**settings, **changes})
    try:
        yield upstream
    finally:
        await upstream.close()


@asynccontextmanager
async def both(
    certificate: Path, script: Script, **changes: Any
) -> AsyncIterator[tuple[Http2Server, Http2Upstream]]:
    async with (
        serving_http2(script, server_side(certificate)) as server,
        speaking(certificate, **changes) as upstream,
    ):
        yield server, upstream


def call(url: str, body: bytes = b"{}", pool: int = 0) -> UpstreamCall:
    return raw_server.call(url, body)._replace(http2=True, pool=pool)


async def hello(asked: Asked) -> None:
    await asked.answer(b"hello", ("content-type", "text/plain"), ("x-request-id", "r1"))


async def failing(upstream: Http2Upstream, asked: UpstreamCall) -> ErrorCode:
    with pytest.raises(UpstreamFailure) as caught:
        await whole(await upstream.send(asked))
    return caught.value.code


async def test_a_call_goes_over_http2_and_its_connection_is_kept(certificate: Path) -> None:
    body = bytes(range(256)) * 4000
    async with both(certificate, hello) as (server, upstream):
        for _ in range(5):
            answer = await upstream.send(call(f"{server.url}/v1/x?a=1", body))
            assert (answer.status, answer.headers["X-Request-Id"]) == (200, "r1")
            assert await whole(answer) == b"hello"
        assert server.connections == 1
    asked = server.asked[0]
    assert asked.body == body
    assert asked.headers[":path"] == "/v1/x?a=1"
    assert asked.headers[":method"] == "POST"
    assert asked.headers["authorization"] == "Bearer k"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["traceparent"] == "00-1-2-01"


async def test_a_peer_without_http2_is_spoken_to_in_http1(certificate: Path) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    async with (
        serving(saying(raw), server_side(certificate)) as server,
        speaking(certificate) as upstream,
    ):
        for _ in range(3):
            url = server.url.replace("127.0.0.1", "localhost")
            assert await whole(await upstream.send(call(url))) == b"hello"
        assert server.connections == 1


async def test_each_gets_its_own_answer_under_load(certificate: Path) -> None:
    async def echo(asked: Asked) -> None:
        await asked.answer(asked.body * 2000)

    async def ask(number: int) -> None:
        body = b"%06d" % number
        answer = await upstream.send(call(server.url, body))
        if number % 5 == 0:
            answer.abort()
            return
        assert await whole(answer) == body * 2000

    async with both(certificate, echo, max_connections=4) as (server, upstream):
        await asyncio.gather(*map(ask, range(60)))
        await until(lambda: server.open <= 4)
        assert server.connections <= 4 + 12


async def test_a_call_given_up_ends_its_connection(certificate: Path) -> None:
    """Without it the provider would go on answering, and be paid for it."""

    async def endless(asked: Asked) -> None:
        await asked.head()
        while True:
            await asked.say(b"x")
            await asyncio.sleep(0.01)

    async with both(certificate, endless) as (server, upstream):
        answer = await upstream.send(call(server.url))
        assert (await answer.next_chunk()).startswith(b"x")
        answer.abort()
        answer.abort()
        answer.release()
        await until(lambda: server.open == 0)


async def test_a_slow_reader_slows_its_peer(certificate: Path) -> None:
    said, size = 0, 60_000_000

    async def large(asked: Asked) -> None:
        nonlocal said
        await asked.head()
        for _ in range(size // 1_000_000):
            await asked.say(bytes(1_000_000))
            said += 1_000_000
        await asked.end()

    async with both(certificate, large, idle_s=0.3) as (server, upstream):
        answer = await upstream.send(call(server.url))
        # Longer than the peer may pause: it is not the peer that does.
        await asyncio.sleep(0.5)
        assert said < 30_000_000
        assert len(await answer.read(size)) == size
        answer.release()


async def test_a_compressed_body_is_decoded(certificate: Path) -> None:
    body = b"data: hello\n\n" * 1000

    async def packed(asked: Asked) -> None:
        await asked.answer(gzip.compress(body), ("content-encoding", "gzip"))

    async with both(certificate, packed) as (server, upstream):
        assert await whole(await upstream.send(call(server.url))) == body


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_a_body_that_cannot_be_decoded_is_malformed(certificate: Path, coding: str) -> None:
    async def packed(asked: Asked) -> None:
        await asked.answer(b"hello", ("content-encoding", coding))

    async with both(certificate, packed) as (server, upstream):
        assert await failing(upstream, call(server.url)) is ErrorCode.UPSTREAM_MALFORMED
        await until(lambda: server.open == 0)


async def reset(asked: Asked) -> None:
    await asked.reset()


async def goes_away(asked: Asked) -> None:
    await asked.go_away()


async def closes(asked: Asked) -> None:
    asked.close()


async def resets_in_body(asked: Asked) -> None:
    await asked.head()
    await asked.say(b"hell")
    await asyncio.sleep(0.05)
    await asked.reset()


async def closes_in_body(asked: Asked) -> None:
    await asked.head()
    await asked.say(b"hell")
    await asyncio.sleep(0.05)
    asked.close()


async def short_of_its_length(asked: Asked) -> None:
    await asked.answer(b"hell", ("content-length", "5"))


async def beyond_its_length(asked: Asked) -> None:
    await asked.answer(b"hello!", ("content-length", "5"))


async def silent(_asked: Asked) -> None:
    await asyncio.sleep(60)


async def silent_in_body(asked: Asked) -> None:
    await asked.head()
    await asked.say(b"hell")
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (reset, ErrorCode.UPSTREAM_CONNECTION),
        (goes_away, ErrorCode.UPSTREAM_CONNECTION),
        (closes, ErrorCode.UPSTREAM_CONNECTION),
        (silent, ErrorCode.UPSTREAM_TIMEOUT),
        (resets_in_body, ErrorCode.UPSTREAM_CUT),
        (closes_in_body, ErrorCode.UPSTREAM_CUT),
        (short_of_its_length, ErrorCode.UPSTREAM_CUT),
        (beyond_its_length, ErrorCode.UPSTREAM_CUT),
        (silent_in_body, ErrorCode.UPSTREAM_TIMEOUT),
    ],
)
async def test_each_failure_has_its_code_and_keeps_no_connection(
    certificate: Path, script: Script, code: ErrorCode
) -> None:
    times = {"first_byte_s": 0.4, "idle_s": 0.4}
    async with both(certificate, script, **times, max_connections=1) as (server, upstream):
        for number in range(2):
            assert await failing(upstream, call(server.url)) is code
            assert len(server.asked) == number + 1
        await until(lambda: server.open == 0)
        await until(lambda: not upstream._shelves)


async def test_closed_while_idle_it_is_tried_again_on_a_fresh_one(certificate: Path) -> None:
    async def script(asked: Asked) -> None:
        if asked.stream_id == 1:
            await hello(asked)
        else:
            asked.close()

    async with both(certificate, script) as (server, upstream):
        for _ in range(3):
            assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 3
        assert [asked.stream_id for asked in server.asked] == [1, 3, 1, 3, 1]


async def test_a_reset_on_a_used_connection_is_not_tried_again(certificate: Path) -> None:
    async def script(asked: Asked) -> None:
        await (hello(asked) if asked.stream_id == 1 else asked.reset())

    async with both(certificate, script) as (server, upstream):
        await whole(await upstream.send(call(server.url)))
        assert await failing(upstream, call(server.url)) is ErrorCode.UPSTREAM_CONNECTION
        assert len(server.asked) == 2


async def test_a_peer_that_says_goodbye_while_idle_is_not_asked_again(certificate: Path) -> None:
    async def script(asked: Asked) -> None:
        await hello(asked)
        await asked.go_away()

    async with both(certificate, script) as (server, upstream):
        for _ in range(3):
            await whole(await upstream.send(call(server.url)))
            await asyncio.sleep(0.02)
        assert server.connections == 3
        assert {asked.stream_id for asked in server.asked} == {1}


async def test_a_connection_that_waits_too_long_is_closed(certificate: Path) -> None:
    async with both(certificate, hello, keep_s=0.1) as (server, upstream):
        await whole(await upstream.send(call(server.url)))
        assert server.open == 1
        await until(lambda: server.open == 0)
        await until(lambda: not upstream._shelves)


async def test_a_turn_that_does_not_come_is_a_timeout(certificate: Path) -> None:
    limits = {"max_connections": 1, "connect_s": 0.3}
    async with both(certificate, hello, **limits) as (server, upstream):
        held = await upstream.send(call(server.url))
        assert await failing(upstream, call(server.url)) is ErrorCode.UPSTREAM_TIMEOUT
        # Another channel has connections of its own.
        assert await whole(await upstream.send(call(server.url, pool=7))) == b"hello"
        assert await whole(held) == b"hello"
        assert await whole(await upstream.send(call(server.url))) == b"hello"
        assert server.connections == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
async def test_a_private_address_is_refused(certificate: Path, host: str) -> None:
    async with both(certificate, hello, policy=EgressPolicy()) as (server, upstream):
        url = server.url.replace("localhost", host)
        assert await failing(upstream, call(url)) is ErrorCode.UPSTREAM_CONNECTION
        assert server.connections == 0


async def test_a_peer_that_cannot_be_verified_is_not_spoken_to(certificate: Path) -> None:
    async with both(certificate, hello, tls=ssl.create_default_context()) as (server, upstream):
        assert await failing(upstream, call(server.url)) is ErrorCode.UPSTREAM_CONNECTION
        assert server.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:99999", "nonsense"])
async def test_an_address_that_leads_nowhere_is_a_failed_connection(
    certificate: Path, url: str
) -> None:
    async with speaking(certificate) as upstream:
        assert await failing(upstream, call(url)) is ErrorCode.UPSTREAM_CONNECTION


async def test_a_value_that_would_break_out_of_its_header_is_refused(certificate: Path) -> None:
    async with both(certificate, hello) as (server, upstream):
        bad = call(server.url)._replace(headers=(("Authorization", "a\r\nX: 1"),))
        assert await failing(upstream, bad) is ErrorCode.UPSTREAM_CONNECTION
        assert server.asked == []


async def test_closing_fails_what_is_under_way(certificate: Path) -> None:
    async with both(certificate, silent_in_body) as (server, upstream):
        answer = await upstream.send(call(server.url))
        assert await answer.next_chunk() == b"hell"
        await upstream.close()
        with pytest.raises(UpstreamFailure):
            await answer.next_chunk()
        await until(lambda: server.open == 0)
