"""Clients that keep asking while something is killed, and remember what they got whole."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.gateway.operator import MODEL


@dataclass
class Got:
    """What the clients got."""

    whole: set[str] = field(default_factory=set)
    """Ids of answers of status 200 that came to the last byte of their framing."""
    broken: int = 0
    """Answers that ended early, and calls that never had an answer."""
    refused: dict[int, int] = field(default_factory=dict)
    """Errors, by status."""
    most_in_flight: int = 0
    timings: list[tuple[float, float]] = field(default_factory=list)
    """Of each whole answer: `time.monotonic()` at its start, and the seconds to its last byte."""


class Clients:
    """`count` clients, one call at a time each, streams and plain answers by turns."""

    def __init__(
        self,
        urls: Sequence[str],
        api_keys: Sequence[str],
        *,
        count: int,
        body: dict[str, Any] | None = None,
        streams: bool | None = None,
    ) -> None:
        self._urls = urls
        self._keys = api_keys
        self._count = count
        self._body = body or {}
        self._streams = streams
        self._stop = asyncio.Event()
        self.got = Got()
        self._in_flight = 0
        self._begun = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Got]:
        """Load for the time of the block; at its end each client finishes its call."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60, sock_connect=5)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            clients = [asyncio.create_task(self._client(http, n)) for n in range(self._count)]
            try:
                yield self.got
            finally:
                self._stop.set()
                await asyncio.gather(*clients)

    async def at_least(self, whole: int) -> None:
        """Wait until that many answers have come whole."""
        async with asyncio.timeout(90):
            while len(self.got.whole) < whole:
                await asyncio.sleep(0.02)

    async def all_begun(self) -> None:
        """Wait until each client is in the middle of an answer of status 200."""
        async with asyncio.timeout(90):
            while self._begun < self._count:
                await asyncio.sleep(0.02)

    async def _client(self, http: aiohttp.ClientSession, number: int) -> None:
        turn = number
        while not self._stop.is_set():
            url = self._urls[turn % len(self._urls)]
            key = self._keys[turn % len(self._keys)]
            is_stream = bool(turn % 2) if self._streams is None else self._streams
            turn += 1
            self._in_flight += 1
            self.got.most_in_flight = max(self.got.most_in_flight, self._in_flight)
            try:
                await self._call(http, url, key, is_stream=is_stream)
            except (aiohttp.ClientError, TimeoutError, OSError):
                self.got.broken += 1
                await asyncio.sleep(0.05)
            finally:
                self._in_flight -= 1

    async def _call(
        self, http: aiohttp.ClientSession, url: str, key: str, *, is_stream: bool
    ) -> None:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "count me once"}],
            "max_tokens": 64,
            "stream": is_stream,
            **self._body,
        }
        headers = {"Authorization": f"Bearer {key}"}
        started = time.monotonic()
        async with http.post(f"{url}/v1/chat/completions", json=body, headers=headers) as response:
            is_begun = response.status == 200
            self._begun += is_begun
            try:
                data = await response.read()  # raises where the framing does not end
            finally:
                self._begun -= is_begun
            if response.status != 200:
                self.got.refused[response.status] = self.got.refused.get(response.status, 0) + 1
                await asyncio.sleep(0.02)
                return
            if is_stream:
                assert data.endswith(b"data: [DONE]\n\n") or b'"error"' in data, data[-200:]
                if b'"error"' in data:
                    self.got.broken += 1
                    return
            else:
                json.loads(data)
            self.got.whole.add(response.headers["x-request-id"])
            self.got.timings.append((started, time.monotonic() - started))
