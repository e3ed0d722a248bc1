"""The public port finds the handler that an aiohttp application would find, and errs in a dialect.

The application below has the same routes, and is asked the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import NamedTuple, cast

import orjson
import pytest
from aiohttp import web

from services.relay.answering.passing import LIMIT_HEADERS
from services.relay.api.dispatcher import PATH_NAMES
from services.relay.api.door import Door
from services.relay.api.paths import is_ambiguous
from services.relay.dialects.calls import CALLS
from services.relay.errors import invalid_request
from services.relay.request_body import read_body
from services.relay.routes import Surface, relay_routes
from shared.http.connection import SERVER
from shared.http.plain_answer import PlainAnswer
from shared.http.serving import served
from tests.unit.http.bodies import whole
from tests.unit.relay.served_routes import served_routes

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY")
TARGETS = (
    *(call.path for call in CALLS),
    *("/v1/models", "/v1/models/", "/v1/models/a", "/v1/models/a%2Fb", "/v1/models/a/b?c=d"),
    *("/v1/models/%C3%BC%20b", "/v1/messages?beta=true", "/v1/messages/", "/v1/mess%61ges"),
    *("/v1/messages#x", "/v1/chat", "/V1/chat/completions", "/v1", "/", "/docs", "/openapi.json"),
    *("/docs/", "/api", "/api/", "/api/status", "/api/status/", "/api/log/self?p=1", "/apix"),
    *("/api/a%0Ab", "/dashboard/billing/usage", "/v1/dashboard/billing/usage", "/dashboard"),
    *("/v1/models?a", "/v1/models%3Fa", "/internal/leases", "//v1/models", "/v1/../v1/models"),
    *("*", "http://x/v1/models", "/v1/chat/completions%00", "/v1/embeddings?", "/a?/v1/models"),
)
Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def told(name: str) -> Handle:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        names = request.match_info if isinstance(request, web.Request) else None
        seen = request.get(PATH_NAMES, {}) if names is None else names
        body = orjson.dumps([name, request.method, request.path, dict(seen)])
        return PlainAnswer(200, body, (("Content-Type", "application/json"),))

    return handle


def routes() -> list[web.RouteDef]:
    surface = Surface(
        calls=[(call, told(call.path)) for call in CALLS],
        models=told("models"),
        model=told("model"),
        status=told("status"),
        door=cast("Door", SimpleNamespace(handle=told("door"))),
        documentation=(told("document"), told("page")),
    )
    return relay_routes(surface)


@asynccontextmanager
async def application(port: int) -> AsyncIterator[int]:
    @web.middleware
    async def unambiguous(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if is_ambiguous(request.raw_path) or not request.raw_path.startswith("/"):
            raise web.HTTPBadRequest
        return await handler(request)

    app = web.Application(middlewares=[unambiguous])
    app.router.add_routes(routes())
    async with served(app, host="127.0.0.1", port=port):
        yield port


async def said(port: int, request: bytes) -> Got:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(5):
        raw = await whole(reader)
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Got(int(first.split()[1]), {name.lower(): v for name, v in headers.items()}, body)


def asks(method: str, target: str, *more: str, body: bytes = b"") -> bytes:
    lines = (f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *more, "", "")
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("method", METHODS)
async def test_it_finds_what_an_application_finds(unused_tcp_port: int, method: str) -> None:
    async with served_routes(routes()) as ours, application(unused_tcp_port) as theirs:
        for target in TARGETS:
            got, wanted = [await said(port, asks(method, target)) for port in (ours, theirs)]
            assert got.status == wanted.status, target
            assert got.headers.get("allow") == allowed(wanted), target
            if wanted.status == 200:
                assert got.body == wanted.body, target
            else:
                is_no_http = target == "*" and method != "OPTIONS"  # never comes so far
                assert "x-request-id" in got.headers or is_no_http, target
                assert got.headers["server"] == SERVER
                assert method == "HEAD" or b'"' in got.body, target


def allowed(got: Got) -> str | None:
    """Sorted, as ours are."""
    methods = got.headers.get("allow")
    return methods and ", ".join(sorted(methods.replace(" ", "").split(",")))


@pytest.mark.parametrize(
    ("target", "is_anthropic"), [("/v1/messages", True), ("/v1/embeddings", False)]
)
async def test_errors_are_in_the_dialect_of_the_path(target: str, *, is_anthropic: bool) -> None:
    async with served_routes(routes()) as port:
        got = await said(port, asks("GET", target))
    assert (got.status, got.headers["allow"]) == (405, "POST")
    body = orjson.loads(got.body)
    assert (body.get("type") == "error") == is_anthropic
    assert got.headers["x-request-id"] in body["error"]["message"] or is_anthropic
    assert ("request-id" in got.headers) == is_anthropic


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return PlainAnswer(200, await request.read(), ())

    more = ("Content-Length: 2", "Expect: 100-continue")
    async with served_routes([web.post("/v1/x", handle)]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            writer.write(asks("POST", "/v1/x", *more))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hi")
            assert (await whole(reader)).endswith(b"\r\n\r\nhi")
        writer.close()
        other = await said(
            port, asks("POST", "/v1/x", "Content-Length: 2", "Expect: the best", body=b"hi")
        )
    assert other.status == 417
    assert orjson.loads(other.body)["error"]


async def test_a_body_above_the_limit_is_refused() -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return PlainAnswer(200, await read_body(request, timeout_s=5), ())

    body = b"x" * 1001
    async with served_routes([web.post("/", handle)], max_body_bytes=1000) as port:
        fits = await said(port, asks("POST", "/", "Content-Length: 1000", body=body[1:]))
        told = await said(port, asks("POST", "/", "Content-Length: 1001", body=body))
        chunked = b"3e9\r\n" + body + b"\r\n0\r\n\r\n"
        also = await said(port, asks("POST", "/", "Transfer-Encoding: chunked", body=chunked))
    assert (fits.status, fits.body) == (200, body[1:])
    assert told.status == also.status == 413
    assert orjson.loads(told.body)["error"]["code"] == "body_too_large"


async def test_an_answer_that_is_no_plain_one_is_given_what_it_lacks() -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        request[LIMIT_HEADERS] = {"x-ratelimit-limit-requests": "7", "X-Own": "no"}
        return web.Response(body=b"x", headers={"x-own": "1"})

    async with served_routes([web.post("/v1/messages", handle)]) as port:
        got = await said(port, asks("POST", "/v1/messages"))
    assert got.headers["request-id"] == got.headers["x-request-id"]
    assert got.headers["x-ratelimit-limit-requests"] == "7"
    assert (got.headers["x-own"], got.headers["server"]) == ("1", SERVER)


async def test_an_error_keeps_the_headers_of_its_limits_and_its_own() -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        request[LIMIT_HEADERS] = {"x-ratelimit-limit-requests": "7"}
        error = invalid_request("No.")
        error.retry_after_s, error.headers = 3, {"X-RateLimit-Limit-Requests": "8"}
        raise error

    async with served_routes([web.post("/v1/messages", handle)]) as port:
        got = await said(port, asks("POST", "/v1/messages"))
    assert got.status == 400
    assert got.headers["x-ratelimit-limit-requests"] == "8"
    assert (got.headers["retry-after"], got.headers["server"]) == ("3", SERVER)


async def test_what_is_unforeseen_is_500_and_quotes_nothing() -> None:
    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        raise ValueError("secret")

    async with served_routes([web.post("/v1/messages", handle)]) as port:
        got = await said(port, asks("POST", "/v1/messages"))
    assert got.status == 500
    assert b"secret" not in got.body
