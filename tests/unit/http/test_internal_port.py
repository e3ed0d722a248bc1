"""The second port: `/internal` needs a credential, and readiness says what it waits for."""

import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from shared.http.internal_server import Readiness, internal_app
from tests.unit.http.apps import served_app

SECRET = "relays-secret"  # made up


@pytest.fixture
async def port() -> AsyncIterator[tuple[str, Readiness]]:
    async def thing(_: web.Request) -> web.Response:
        return web.json_response({"secret": "thing"})

    registry, readiness = CollectorRegistry(), Readiness()
    Counter("served_total", "Served", registry=registry).inc()
    app = internal_app(
        registry=registry,
        readiness=readiness,
        callers={"relay": hashlib.sha256(SECRET.encode()).hexdigest()},
        routes=[web.get("/internal/thing", thing)],
    )
    async with served_app(app) as url:
        yield url, readiness


async def status(url: str, authorization: str | None = None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        body = await answer.text()
        assert answer.status == 200 or "thing" not in body
        return answer.status


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {SECRET}",
        f"Bearer :{SECRET}",
        f"Bearer billing:{SECRET}",
        f"Bearer relay:{SECRET}x",
        f"Basic relay:{SECRET}",
        f"relay:{SECRET}",
        "Bearer relay:",
        "Bearer nobody:",
        "Bearer relay:" + hashlib.sha256(SECRET.encode()).hexdigest(),
        "Bearer rélay:sécret",
    ],
)
async def test_internal_without_its_credential_is_refused(
    port: tuple[str, Readiness], authorization: str | None
) -> None:
    for path in ("/internal/thing", "/internal/nothing", "/%69nternal/thing"):
        assert await status(port[0] + path, authorization) == 401


async def test_internal_with_its_credential_answers(port: tuple[str, Readiness]) -> None:
    assert await status(port[0] + "/internal/thing", f"Bearer relay:{SECRET}") == 200
    assert await status(port[0] + "/internal/nothing", f"Bearer relay:{SECRET}") == 404


async def test_readiness_says_what_it_waits_for(port: tuple[str, Readiness]) -> None:
    url, readiness = port
    waits: list[str | None] = ["reading the state topics"]
    readiness.add("state", lambda: waits[0])
    readiness.add("database", lambda: None)
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/health/ready") as answer:
            assert answer.status == 503
            told = {"status": "waiting", "waits_for": {"state": "reading the state topics"}}
            assert await answer.json() == told
        waits[0] = None
        async with session.get("/health/ready") as answer:
            assert answer.status == 200
            assert await answer.json() == {"status": "ready", "waits_for": {}}
        async with session.get("/health/live") as answer:
            assert answer.status == 200


async def test_metrics_are_given_out(port: tuple[str, Readiness]) -> None:
    async with aiohttp.ClientSession() as session, session.get(port[0] + "/metrics") as answer:
        assert "served_total 1.0" in await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain")
