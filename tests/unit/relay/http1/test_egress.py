"""The addresses that are connected to, by name and by literal."""

import socket
from typing import Any

import pytest

from services.relay.upstreams.upstream import UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy
from tests.unit.relay.http1.raw_server import call, client, saying, serving, whole

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
)
async def test_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    async with serving(saying(OK)) as server, client(policy=EgressPolicy()) as upstream:
        with pytest.raises(UpstreamFailure) as caught:
            await upstream.send(call(server.url.replace("127.0.0.1", host)))
        assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION
        assert server.connections == 0


async def test_a_private_address_that_is_allowed_is_connected_to() -> None:
    policy = EgressPolicy(["127.0.0.1/32"])
    async with serving(saying(OK)) as server, client(policy=policy) as upstream:
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host)
            assert await whole(await upstream.send(call(url))) == b"hello"
        assert [head.split(b"Host: ")[1].split(b":")[0] for head, _ in server.seen] == [
            b"127.0.0.1",
            b"localhost",
        ]


async def test_of_several_addresses_only_those_allowed_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name with a public and a private address must lead to the public one, or nowhere."""
    looked_up = 0

    def found(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        nonlocal looked_up
        looked_up += 1
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*stream, ("127.0.0.2", port)), (*stream, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    policy = EgressPolicy(["127.0.0.1/32"])
    async with serving(saying(OK)) as server, client(policy=policy) as upstream:
        url = server.url.replace("127.0.0.1", "provider.example")
        looked_up = 0
        assert await whole(await upstream.send(call(url))) == b"hello"
        # Not once to check, and once more to connect.
        assert looked_up == 1
