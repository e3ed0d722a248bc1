"""The load generator: prepared bytes over bare asyncio Protocols, and as little reading as can be.

A process of its own: it reads a LoadSpec from its standard input and prints a LoadResult.
"""

import asyncio
import json
import os
import random
import sys
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from time import monotonic
from typing import Final

import uvloop

from operations.bench.connection import Answer, Connection
from operations.bench.figures import cpu_s, machine_busy_s, percentile
from operations.bench.load_spec import MACHINE, Finished, LoadResult, LoadSpec
from operations.bench.placement import put_first
from operations.bench.traffic import chat_request
from operations.bench.waiting import wait_until

_HOST: Final = "127.0.0.1"
_SEED: Final = 1
_MS: Final = 1000
_FINISH_S: Final = 3.0


class Generator:
    """Sends one LoadSpec's requests and keeps what came back within the window."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._request = chat_request(
            key=spec.key, stream=spec.stream, events_per_s=spec.events_per_s
        )
        self._connections: list[Connection] = []
        self._free: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._answers: list[Answer] = []
        self._is_over = False

    async def run(self) -> LoadResult:
        """Connect, warm up, measure. Raises RuntimeError for the first answer that is not right."""
        spec, loop = self._spec, asyncio.get_running_loop()
        for _ in range(spec.connections):
            _, connection = await loop.create_connection(self._connection, _HOST, spec.port)
            self._connections.append(connection)
        sending = loop.create_task(self._start())
        await asyncio.sleep(spec.warm_up_s)
        self._answers.clear()
        events = sum(each.events for each in self._connections)
        cpu, started = self._cpu(), monotonic()
        await asyncio.sleep(spec.duration_s)
        ended, cpu_after = monotonic(), self._cpu()
        answers, self._is_over = list(self._answers), True
        events = sum(each.events for each in self._connections) - events
        await sending
        await self._let_finish()
        for connection in self._connections:
            connection.require_right()
        latencies = [(each.finished_at - each.sent_at) * _MS for each in answers]
        first_bytes = [(each.first_byte_at - each.sent_at) * _MS for each in answers]
        return LoadResult(
            window_s=ended - started,
            requests=len(answers),
            events=events,
            latency_ms=_spread(latencies),
            first_byte_ms=_spread(first_bytes),
            cpu_s={name: cpu_after[name] - cpu[name] for name in cpu},
            finished=[
                Finished(request_id=each.request_id, finished_at=each.finished_at)
                for each in answers
                if each.request_id
            ],
        )

    def _connection(self) -> Connection:
        return Connection(
            self._request,
            on_answer=self._take,
            is_stream=self._spec.stream,
            keeps_id=self._spec.rate_per_s is not None,
        )

    async def _start(self) -> None:
        if self._spec.rate_per_s is not None:
            self._free.extend(self._connections)
            await self._arrive(self._spec.rate_per_s)
            return
        # Streams that all begin at once would send all their events at once.
        pause_s, due = self._spec.spread_s / len(self._connections), monotonic()
        for connection in self._connections:
            connection.send(monotonic())
            due += pause_s
            if pause_s:
                await asyncio.sleep(max(0.0, due - monotonic()))

    async def _arrive(self, rate_per_s: float) -> None:
        chance = random.Random(_SEED)  # noqa: S311 - arrivals, not secrets
        due = monotonic()
        while not self._is_over:
            due += chance.expovariate(rate_per_s)
            await asyncio.sleep(max(0.0, due - monotonic()))
            if self._free:
                self._free.popleft().send(due)
            else:
                self._due.append(due)

    def _take(self, connection: Connection, answer: Answer) -> None:
        self._answers.append(answer)
        if self._is_over:
            return
        if self._spec.rate_per_s is None:
            connection.send(answer.finished_at)
        elif self._due:
            connection.send(self._due.popleft())
        else:
            self._free.append(connection)

    async def _let_finish(self) -> None:
        """What is under way is no part of the window, but a hang-up would cost the next one."""

        async def is_done() -> bool:
            return not any(each.is_busy for each in self._connections)

        with suppress(TimeoutError):
            await wait_until(is_done, deadline_s=self._spec.spread_s + _FINISH_S, poll_s=0.01)

    def _cpu(self) -> dict[str, float]:
        watched = {**self._spec.watch, "generator": os.getpid()}
        return {name: cpu_s(pid) for name, pid in watched.items()} | {MACHINE: machine_busy_s()}


def _spread(values: list[float]) -> dict[str, float]:
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}


def _main() -> None:
    spec = LoadSpec(**json.load(sys.stdin))
    if spec.core is not None:
        os.sched_setaffinity(0, {spec.core})
        put_first(os.getpid())
    print(json.dumps(asdict(uvloop.run(Generator(spec).run()))))


if __name__ == "__main__":
    _main()
