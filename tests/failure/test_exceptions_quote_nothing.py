"""An exception forced in each handler, with a message that quotes all it was given: I4 holds."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from tests.failure.marker import MARKER, assert_nowhere
from tests.gateway.catching_up import caught_up
from tests.gateway.operator import MODEL, Customer, Operator
from tests.stack_fixtures import MakeStack

_RELAY = (
    "services.relay.dialects.openai_chat:ChatCompletions.read_request",
    "services.relay.dialects.openai_chat:ChatCompletions.upstream_body",
    "services.relay.dialects.openai_chat:ChatCompletions.read_answer",
    "services.relay.dialects.openai_stream:OpenAIStreamReader.feed",
    "services.relay.answering.attempts:Attempts.answer",
    "services.relay.answering.passing:Passing.stream",
    "services.relay.recording.recorder:Recorder.complete",
)
_CONSUMERS = (
    ("billing", "services.billing.handlers:ChargeRequests.__call__"),
    ("logging", "services.logging.handlers:LogWriter.__call__"),
)
_APIS = (
    ("relay", "services.relay.api.door:Door.handle", "/api/log/self"),
    ("control", "services.control.sessions.sessions:Sessions.log_in", "/api/user/login"),
    ("logging", "services.logging.listing.pages:Pages.page", "/api/log/self"),
    ("billing", "services.billing.ledger.top_ups:top_up", "/api/billing/topups"),
)


async def test_forced_exceptions_leave_no_trace_of_what_was_said(make_stack: MakeStack) -> None:
    """Clients get a 500 in their dialect; logs, tables, topics and journals know nothing."""
    stack = await make_stack()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
        operator = await Operator.of(stack, http)
        customer = await operator.customer(quota_units=50_000_000)
        async with _replaced(stack, "relay"):
            for place in _RELAY:
                async with _forced(stack, "relay", place):
                    statuses = [
                        await _chat(http, stack, customer, stream=s, at=place)
                        for s in (False, True)
                    ]
                    assert any(status != 200 for status in statuses), (place, statuses)
                    await _api(http, stack, "/api/log/self")
        for service, place in _CONSUMERS:
            async with _replaced(stack, service), _forced(stack, service, place) as output:
                assert await _chat(http, stack, customer, stream=False) == 200
                await _until_raised(output)  # in the background
        for service, place, path in _APIS:
            async with _replaced(stack, service), _forced(stack, service, place):
                await _api(http, stack, path)
        await stack.wait_ready("relay-0")
        await caught_up(stack)
        await assert_nowhere(stack, MARKER)
        outputs = sorted(stack.state_dir.joinpath("output").glob("forced-*"))
        assert len(outputs) == len(_RELAY) + len(_CONSUMERS) + len(_APIS)
        raised = [p.name for p in outputs if "RuntimeError" in p.read_text()]
        assert len(raised) >= len(_RELAY) + len(_CONSUMERS), raised


@asynccontextmanager
async def _replaced(stack: Stack, service: str) -> AsyncIterator[None]:
    """While it lasts, the service does not run; others take its place."""
    name = f"{service}-0"
    await stack.kill(name)
    try:
        yield
    finally:
        await stack.start_process(name)
        await stack.wait_ready(name)


@asynccontextmanager
async def _forced(stack: Stack, service: str, place: str) -> AsyncIterator[Path]:
    """The service with one place spoiled; what it prints is in the file."""
    output = stack.state_dir / "output" / f"forced-{place.rpartition(':')[2]}-{service}.log"
    with output.open("wb") as stdout:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "tests.failure.forced", service, place),
            env={**os.environ, **stack.service_environment(service)},
            stdout=stdout,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        await _ready(stack.internal_url(service))
        yield output
    finally:
        process.kill()
        await process.wait()


async def _until_raised(output: Path) -> None:
    async with asyncio.timeout(60):
        while "RuntimeError" not in await asyncio.to_thread(output.read_text):
            await asyncio.sleep(0.1)


async def _ready(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"{url}/health/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _chat(
    http: aiohttp.ClientSession, stack: Stack, customer: Customer, *, stream: bool, at: str = ""
) -> int:
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f'{MARKER} [[simulate {{"echo_prompt":true}}]]'}],
        "stream": stream,
    }
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    try:
        # A fault of ours is an answer with an error, or a connection that ends; never a hang.
        async with http.post(
            f"{stack.relay_url()}/v1/chat/completions", json=body, headers=headers
        ) as response:
            return 500 if b'"error"' in await response.read() else response.status
    except TimeoutError as hang:
        raise AssertionError(f"a hang, stream={stream}, with an exception in {at}") from hang
    except aiohttp.ClientError:
        return 0


async def _api(http: aiohttp.ClientSession, stack: Stack, path: str) -> None:
    for method in ("GET", "POST"):
        async with http.request(
            method,
            f"{stack.relay_url()}{path}?keyword={MARKER}",
            json={"username": MARKER, "password": MARKER},
            headers={"Authorization": f"Bearer {MARKER}"},
        ) as response:
            assert response.status in (200, 401, 404, 405, 500, 503)
