"""The clients of upstreams, against the simulated provider: each misbehaviour has its code."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from deploy.simulator.app import running
from services.relay.upstreams.aiohttp_client import AiohttpUpstream
from services.relay.upstreams.upstream import (
    Upstream,
    UpstreamAnswer,
    UpstreamCall,
    UpstreamFailure,
)
from shared.events.requests import ErrorCode
from tests.unit.relay.http1.raw_server import client


@pytest.fixture(params=["http1", "aiohttp"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Upstream]]:
    async with running("127.0.0.1", 0) as url:
        if request.param == "http1":
            async with client(first_byte_s=0.4, idle_s=0.4, connect_s=0.4) as upstream:
                yield url, upstream
        else:
            async with aiohttp.ClientSession() as session:
                yield url, AiohttpUpstream(session, first_byte_s=0.4, idle_s=0.4, connect_s=0.4)


def call(url: str, *, stream: bool = False, **simulate: Any) -> UpstreamCall:
    content = f"hello [[simulate {json.dumps(simulate)}]]"
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": content}]}
    return UpstreamCall(
        url=f"{url}/v1/chat/completions",
        headers=(("Authorization", "Bearer key"),),
        body=json.dumps(body).encode(),
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        accept="*/*",
    )


async def whole(answer: UpstreamAnswer) -> bytes:
    body = await answer.read(1024 * 1024)
    answer.release()
    return body


async def test_an_answer_comes_whole(provider: tuple[str, Upstream]) -> None:
    url, upstream = provider
    answer = await upstream.send(call(url))
    assert answer.status == 200
    assert "choices" in json.loads(await whole(answer))
    assert (await whole(await upstream.send(call(url, stream=True)))).endswith(b"[DONE]\n\n")


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_error_is_an_answer(provider: tuple[str, Upstream], status: int) -> None:
    url, upstream = provider
    answer = await upstream.send(call(url, status=status))
    assert answer.status == status
    assert "error" in json.loads(await whole(answer))


@pytest.mark.parametrize(
    ("simulate", "stream", "code"),
    [
        ({"hang": True}, False, ErrorCode.UPSTREAM_TIMEOUT),
        ({"reset": True}, False, ErrorCode.UPSTREAM_CONNECTION),
        ({"cut_body_at": 20}, False, ErrorCode.UPSTREAM_CUT),
        ({"cut_after_events": 3, "event_interval_ms": 1}, True, ErrorCode.UPSTREAM_CUT),
        ({"reset_after_events": 3, "event_interval_ms": 1}, True, ErrorCode.UPSTREAM_CUT),
        ({"hang_after_events": 3, "event_interval_ms": 1}, True, ErrorCode.UPSTREAM_TIMEOUT),
    ],
)
async def test_each_failure_has_its_code(
    provider: tuple[str, Upstream], simulate: dict[str, Any], stream: bool, code: ErrorCode
) -> None:
    url, upstream = provider
    answer: UpstreamAnswer | None = None

    async def read() -> None:
        nonlocal answer
        answer = await upstream.send(call(url, stream=stream, **simulate))
        await answer.read(1024 * 1024)

    with pytest.raises(UpstreamFailure) as caught:
        await read()
    assert caught.value.code is code
    if answer is not None:
        answer.abort()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://127.0.0.1:99999", "nonsense"])
async def test_an_address_that_leads_nowhere_is_a_failed_connection(
    provider: tuple[str, Upstream], url: str
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await provider[1].send(call(url))
    assert caught.value.code is ErrorCode.UPSTREAM_CONNECTION


async def test_an_answer_that_is_too_large_is_given_up(
    provider: tuple[str, Upstream],
) -> None:
    url, upstream = provider
    answer = await upstream.send(call(url))
    with pytest.raises(UpstreamFailure) as caught:
        await answer.read(10)
    assert caught.value.code is ErrorCode.ANSWER_TOO_LARGE
