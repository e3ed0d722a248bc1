"""Passing a body on that can only be pulled: for clients without a callback for what they read."""

import asyncio
from typing import Protocol

from services.relay.upstreams.upstream import BodySink, UpstreamFailure


class Source(Protocol):
    """Where a body is pulled from."""

    async def next_chunk(self) -> bytes:
        """See UpstreamAnswer."""

    def ready(self) -> bytes | None:
        """What `next_chunk` would return without waiting; None where it would wait.

        Raises UpstreamFailure.
        """


class Pump:
    """Pulls from a source, and passes on what comes. A task does it: a step for each piece."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sink: BodySink | None = None
        self._task: asyncio.Task[None] | None = None
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    def start(self, sink: BodySink) -> None:
        """Hand over what is there, and then what comes. Once."""
        self._sink = sink
        try:
            while self._goes_on.is_set() and self._sink is not None:
                chunk = self._source.ready()
                if chunk is None:
                    break
                self._pass(chunk)
        except UpstreamFailure as failure:
            self._fail(failure)
        if self._sink is not None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def pause(self) -> None:
        """Pull nothing more and pass nothing on. Idempotent."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Go on. Idempotent."""
        self._goes_on.set()

    def stop(self) -> None:
        """Pass nothing on any more. Idempotent."""
        self._sink = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        try:
            while self._sink is not None:
                await self._goes_on.wait()
                chunk = await self._source.next_chunk()
                await self._goes_on.wait()
                self._pass(chunk)
        except UpstreamFailure as failure:
            await self._goes_on.wait()
            self._fail(failure)

    def _pass(self, chunk: bytes) -> None:
        sink = self._sink
        if sink is None:
            return
        if chunk:
            sink.received(chunk)
        else:
            self._sink = None
            sink.ended()

    def _fail(self, failure: UpstreamFailure) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.failed(failure.code)
