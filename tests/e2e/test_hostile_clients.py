"""Clients that mean no good, at the real door: clear errors in the dialect, and nothing lost."""

import asyncio
import gzip
import io
import json
import resource
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.gateway.counting import count
from tests.gateway.operator import MODEL, Customer, Operator

IDLE = 10_000
_AT_ONCE = 500


@pytest.fixture
async def customer(operator: Operator) -> Customer:
    return await operator.customer(quota_units=50_000_000)


class Silent(asyncio.Protocol):
    """A connection that says what it was told to say, and keeps what it hears."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.heard = b""
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self.says:
            transport.write(self.says)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # a Protocol's
        self.is_closed = True


async def connect(stack: Stack, how_many: int, *, says: bytes = b"") -> list[Any]:
    """Many connections to the relay, as pairs of transport and protocol."""
    door = urlsplit(stack.relay_url())
    host, port = door.hostname or "", door.port or 0
    loop = asyncio.get_running_loop()
    opened: list[Any] = []
    for start in range(0, how_many, _AT_ONCE):
        some = min(_AT_ONCE, how_many - start)
        opened += await asyncio.gather(
            *(loop.create_connection(lambda: Silent(says), host, port) for _ in range(some))
        )
    return opened


async def ask(stack: Stack, customer: Customer, http: aiohttp.ClientSession) -> str:
    """One chat; answers its id."""
    async with http.post(
        f"{stack.relay_url()}/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "hello"}]},
        headers={"Authorization": f"Bearer {customer.api_key}"},
    ) as response:
        assert response.status == 200
        await response.read()
        return response.headers["x-request-id"]


async def test_ten_thousand_idle_connections_take_nothing_from_others(
    stack: Stack, customer: Customer
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > IDLE + 1_000, f"`ulimit -Hn` is {hard}: too few for {IDLE} connections"
    async with aiohttp.ClientSession() as http:
        before = [await _timed(stack, customer, http) for _ in range(30)]
        idle = await connect(stack, IDLE)
        try:
            during = [await _timed(stack, customer, http) for _ in range(30)]
            still_open = sum(not protocol.is_closed for _, protocol in idle)
        finally:
            for transport, _ in idle:
                transport.abort()
    slow, fast = sorted(took for took, _ in during)[15], sorted(took for took, _ in before)[15]
    sys.stdout.write(f"median {fast * 1e3:.1f} ms alone, {slow * 1e3:.1f} beside {still_open}\n")
    assert still_open == IDLE
    assert slow < fast * 3 + 0.05
    ids = {request_id for _, request_id in (*before, *during)}
    counted = await count(stack, workspace_id=customer.workspace_id, of=ids)
    assert all(counted.charges[request_id] == 1 for request_id in ids)


async def test_heads_that_never_end_are_told_so_and_closed(stack: Stack) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: "
    opened = await connect(stack, 200, says=head)
    async with asyncio.timeout(30):
        while not all(protocol.is_closed for _, protocol in opened):
            await asyncio.sleep(0.1)
    for _, protocol in opened:
        assert protocol.heard.startswith(b"HTTP/1.1 408 ")
        told = json.loads(protocol.heard.partition(b"\r\n\r\n")[2])
        assert "in time" in told["error"]["message"]


async def _timed(
    stack: Stack, customer: Customer, http: aiohttp.ClientSession
) -> tuple[float, str]:
    started = time.perf_counter()
    request_id = await ask(stack, customer, http)
    return time.perf_counter() - started, request_id


SMUGGLED = b"GET /api/status HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"X: a\r\n folded",
    ],
)
async def test_a_smuggled_request_is_never_answered(stack: Stack, head: bytes) -> None:
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n"
    ((_, protocol),) = await connect(stack, 1, says=request + SMUGGLED)
    async with asyncio.timeout(10):
        while not protocol.is_closed:
            await asyncio.sleep(0.02)
    assert protocol.heard.split(b" ", 2)[1] == b"400"
    assert protocol.heard.count(b"HTTP/1.") == 1
    error = json.loads(protocol.heard.partition(b"\r\n\r\n")[2])["error"]
    assert error["type"] == "invalid_request_error"
    assert "request id: " in error["message"]


async def _refused(
    stack: Stack, customer: Customer, **request: Any
) -> tuple[int, dict[str, Any], str]:
    headers = {"Authorization": f"Bearer {customer.api_key}", "Content-Type": "application/json"}
    request["data"] = io.BytesIO(request["data"])
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}/v1/chat/completions",
            **request | {"headers": headers | request.get("headers", {})},
        ) as response,
    ):
        told = json.loads(await response.read())
        return response.status, told["error"], response.headers["x-request-id"]


async def test_bodies_that_are_too_much_are_refused_in_the_dialect(
    stack: Stack, customer: Customer
) -> None:
    chat = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "a"}]}).encode()
    bomb = gzip.compress(chat + b" " * (64 * 1024 * 1024))
    deep = b'{"model":"' + MODEL.encode() + b'","messages":' + b"[" * 500_000
    for request, status in (
        ({"data": chat + b" " * (33 * 1024 * 1024)}, 413),
        ({"data": bomb, "headers": {"Content-Encoding": "gzip"}}, 413),
        ({"data": b"\x1f\x8bnot gzip", "headers": {"Content-Encoding": "gzip"}}, 400),
        ({"data": chat, "headers": {"Content-Encoding": "gzip"}}, 400),
        ({"data": deep}, 400),
        ({"data": b"\xff\xfe" + chat}, 400),
        ({"data": chat, "headers": {"X-Ledgerline-Tags": "a=b\tc"}}, 400),
    ):
        told, error, _ = await _refused(stack, customer, **request)
        assert told == status, error
        assert error["message"].endswith(")")
        assert error["code"] in {"invalid_request", "body_too_large"}


async def test_a_zipped_request_is_as_good_as_a_plain_one(stack: Stack, customer: Customer) -> None:
    chat = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "a"}]}).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{stack.relay_url()}/v1/chat/completions",
            data=gzip.compress(chat),
            headers={
                "Authorization": f"Bearer {customer.api_key}",
                "Content-Encoding": "gzip",
                "Content-Type": "application/json",
            },
        ) as response,
    ):
        assert response.status == 200
        request_id = response.headers["x-request-id"]
    counted = await count(stack, workspace_id=customer.workspace_id, of={request_id})
    assert counted.charges[request_id] == 1
