"""Calls to another service: an answer, or one error."""

import asyncio

import orjson
import pytest
from aiohttp import web

from shared.http.internal_client import InternalCallError, InternalClient
from tests.unit.http.apps import Serve, served_handler


async def call(handler: Serve, **options: float) -> object:
    async with served_handler(handler) as (url, session):
        client = InternalClient(
            session=session, base_url=url + "/", caller="relay", secret="s3cret", **options
        )
        return await client.call("POST", "/internal/x", {"a": 1})


async def test_an_answer_of_many_packets_is_read_whole() -> None:
    """A batch of leases does not fit into what one read happens to find."""
    rows = [{"lease_id": f"lease-{number}", "granted_total": number} for number in range(20_000)]

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        body = orjson.dumps(rows)
        for start in range(0, len(body), 50_000):
            await response.write(body[start : start + 50_000])
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    assert await call(handler) == rows


async def test_the_credential_and_the_body_are_sent() -> None:
    async def handler(request: web.Request) -> web.Response:
        told = [request.method, request.path, request.headers["Authorization"]]
        return web.json_response([*told, await request.json()])

    assert await call(handler) == ["POST", "/internal/x", "Bearer relay:s3cret", {"a": 1}]


@pytest.mark.parametrize("status", [400, 404, 503])
async def test_an_error_tells_its_status(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text="secret detail")

    with pytest.raises(InternalCallError) as caught:
        await call(handler)
    assert caught.value.status == status
    assert "secret detail" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"cut":', b"x" * 17_000_000])
async def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    with pytest.raises(InternalCallError) as caught:
        await call(handler)
    assert caught.value.status is None


async def test_redirects_are_not_followed() -> None:
    """The credential would go where they lead."""

    async def handler(request: web.Request) -> web.Response:
        assert request.path == "/internal/x"
        raise web.HTTPFound("/elsewhere")

    with pytest.raises(InternalCallError):
        await call(handler)


async def test_a_service_that_hangs_up_or_is_slow_is_an_error() -> None:
    async def hangs_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(InternalCallError):
        await call(hangs_up)
    with pytest.raises(InternalCallError):
        await call(never, timeout_s=0.05)
