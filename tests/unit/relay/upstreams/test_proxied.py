"""Calls through an outgoing proxy, and where neither it nor its target may lie."""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.relay.upstreams.aiohttp_client import AiohttpUpstream, open_session
from services.relay.upstreams.proxied import ProxiedUpstream
from services.relay.upstreams.upstream import UpstreamCall, UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy
from tests.forward_proxy import proxying
from tests.unit.relay.http1 import raw_server
from tests.unit.relay.http1.certificates import self_signed, server_side, trusting
from tests.unit.relay.http1.raw_server import LOOPBACK, Asked, saying, serving, until, whole

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@asynccontextmanager
async def client(
    policy: EgressPolicy = LOOPBACK, tls: ssl.SSLContext | None = None, **changes: float
) -> AsyncIterator[ProxiedUpstream]:
    times = {"first_byte_s": 2.0, "idle_s": 2.0, "connect_s": 2.0, **changes}
    session = open_session(
        policy, tls=tls or ssl.create_default_context(), max_connections=8, keep_s=60
    )
    async with session:
        yield ProxiedUpstream(
            AiohttpUpstream(session, **times), policy=policy, first_byte_s=times["first_byte_s"]
        )


def call(url: str, proxy_url: str) -> UpstreamCall:
    return raw_server.call(url, b"body")._replace(proxy_url=proxy_url)


async def failing(upstream: ProxiedUpstream, asked: UpstreamCall) -> ErrorCode:
    async def read() -> None:
        answer = await upstream.send(asked)
        try:
            await whole(answer)
        finally:
            answer.abort()

    with pytest.raises(UpstreamFailure) as caught:
        await read()
    return caught.value.code


async def test_a_plain_call_is_forwarded() -> None:
    async with serving(saying(OK)) as server, proxying() as proxy, client() as upstream:
        for _ in range(3):
            answer = await upstream.send(call(f"{server.url}/v1/x", proxy.url))
            assert await whole(answer) == b"hello"
        assert server.seen[0][1] == b"body"
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(b"POST http://127.0.0.1:")


async def test_a_call_over_tls_is_tunnelled_and_its_target_verified(tmp_path: Path) -> None:
    path = self_signed(tmp_path, "localhost")
    async with (
        serving(saying(OK), server_side(path)) as server,
        proxying() as proxy,
        client(tls=trusting(path)) as upstream,
    ):
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(3):
            assert await whole(await upstream.send(call(url, proxy.url))) == b"hello"
        # The certificate does not name the address.
        assert await failing(upstream, call(server.url, proxy.url)) is ErrorCode.UPSTREAM_CONNECTION
    assert proxy.heads[0].startswith(b"CONNECT localhost:")
    # The proxy sees where it goes, and none of what is said.
    assert not any(b"Bearer" in head for head in proxy.heads)


@pytest.mark.parametrize("is_tls", [False, True])
async def test_the_proxys_own_credentials_go_to_it_and_no_further(
    tmp_path: Path, is_tls: bool
) -> None:
    path = self_signed(tmp_path, "localhost")
    async with (
        serving(saying(OK), server_side(path) if is_tls else None) as server,
        proxying() as proxy,
        client(tls=trusting(path)) as upstream,
    ):
        asked = call(
            server.url.replace("127.0.0.1", "localhost"),
            proxy.url_for("user:secret"),
        )
        assert await whole(await upstream.send(asked)) == b"hello"
        head = proxy.heads[0]
        assert b"Proxy-Authorization: Basic " + b64encode(b"user:secret") in head
        if is_tls:
            assert b"Proxy-Authorization" not in server.seen[0][0]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_a_failed_connection(scheme: str) -> None:
    async with serving(saying(OK)) as server, proxying(refuses=True) as proxy, client() as upstream:
        asked = call(server.url.replace("http:", f"{scheme}:"), proxy.url)
        assert await failing(upstream, asked) is ErrorCode.UPSTREAM_CONNECTION
        assert server.seen == []


@pytest.mark.parametrize(
    "proxy_url", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense", "http://", ""]
)
async def test_a_proxy_that_is_none_is_a_failed_connection(proxy_url: str) -> None:
    async with serving(saying(OK)) as server, client() as upstream:
        code = await failing(upstream, call(server.url, proxy_url))
        assert code is ErrorCode.UPSTREAM_CONNECTION
        assert server.seen == []


def resolving(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in names:
            return real(host, port, *args, **kwargs)
        if not names[host]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*stream, (address, port)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "inside.example"])
@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_proxy_at_a_private_address_is_never_connected_to(
    monkeypatch: pytest.MonkeyPatch, host: str, is_tls: bool
) -> None:
    resolving(monkeypatch, {"inside.example": ["127.0.0.1"], "provider.example": ["93.184.215.14"]})
    async with proxying() as proxy, client(EgressPolicy()) as upstream:
        scheme = "https" if is_tls else "http"
        asked = call(f"{scheme}://provider.example", proxy.url.replace("127.0.0.1", host))
        assert await failing(upstream, asked) is ErrorCode.UPSTREAM_CONNECTION
    assert proxy.heads == []


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost", "inside.example", "half.example"])
async def test_a_target_at_a_private_address_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The proxy may well reach what the relay must not."""
    resolving(
        monkeypatch,
        {"inside.example": ["10.0.0.1"], "half.example": ["93.184.215.14", "10.0.0.1"]},
    )
    policy = EgressPolicy(["127.0.0.1/32"])
    async with proxying() as proxy, client(policy) as upstream:
        url = f"http://{host}/" if host != "localhost" else "http://[::1]:81/"
        assert await failing(upstream, call(url, proxy.url)) is ErrorCode.UPSTREAM_CONNECTION
    assert proxy.heads == []


async def test_a_target_that_only_the_proxy_can_resolve_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, {"outside.example": []})
    async with proxying(refuses=True) as proxy, client() as upstream:
        asked = call("http://outside.example/", proxy.url)
        # The proxy was asked, and refused.
        assert await failing(upstream, asked) is ErrorCode.UPSTREAM_CONNECTION
    assert proxy.heads[0].startswith(b"POST http://outside.example/")


async def test_times_are_kept_through_a_proxy() -> None:
    async def script(asked: Asked) -> None:
        if await asked.request() and asked.number:
            await asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell")
        await asked.closed()

    async with (
        serving(script) as server,
        proxying() as proxy,
        client(first_byte_s=0.3, idle_s=0.3) as upstream,
    ):
        asked = call(server.url, proxy.url)
        for number in range(2):
            assert await failing(upstream, asked) is ErrorCode.UPSTREAM_TIMEOUT
            assert len(server.seen) == number + 1


async def test_a_tunnel_that_never_opens_is_a_timeout() -> None:
    async with (
        serving(lambda asked: asked.closed()) as proxy,
        client(connect_s=0.3, first_byte_s=5) as upstream,
    ):
        async with asyncio.timeout(2):
            code = await failing(upstream, call("https://127.0.0.1:9", proxy.url))
        assert code is ErrorCode.UPSTREAM_TIMEOUT
        await until(lambda: proxy.open == 0)
