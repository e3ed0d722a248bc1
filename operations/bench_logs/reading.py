"""Readers that ask each case over and over, while rows come in."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from time import perf_counter
from typing import Final

from operations.bench.figures import percentile
from operations.bench_logs.asked import Case
from operations.bench_logs.calls import Call, Door
from operations.bench_logs.cases import NOTHING

_WARMED_UP: Final = 4
_COMPARED_EVERY: Final = 4
"""Of so many calls one asks for nothing: what the others are compared with, in the same second."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """How long the calls of one case took, in milliseconds."""

    title: str
    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    target_p95_ms: float | None
    nothing_p95_ms: float
    """Of calls that find nothing, between the others."""
    failed: int
    """Calls without an answer in time; they count with the time that they took."""
    slowest: int
    """Which of its variants took longest."""

    @property
    def ratio(self) -> float:
        """p95 by that of a call that finds nothing."""
        return self.p95_ms / self.nothing_p95_ms if self.nothing_p95_ms else 0.0

    @property
    def is_met(self) -> bool:
        """Whether the target was kept, where there is one."""
        is_in_time = self.target_p95_ms is None or self.p95_ms <= self.target_p95_ms
        return is_in_time and not self.failed


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Who ask at once, and how often."""

    count: int
    pause_s: float
    """Of each after its answer came. With none they measure how many calls there can be, and no
    more how long one takes: each waits for the others'."""
    calls: int
    """Of each case, by all together."""


async def read_all(door: Door, asked: Iterable[Case], readers: Readers) -> list[Read]:
    """Each case by itself. Raises RuntimeError."""
    # So many at once open all connections, and have each know every partition.
    await asyncio.gather(*(door.ask(NOTHING) for _ in range(4 * readers.count)))
    return [await _read(door, case, readers) for case in asked]


async def _read(door: Door, case: Case, readers: Readers) -> Read:
    numbers = count()
    random = Random()  # noqa: S311 - pauses are no secret
    taken: list[tuple[float, int]] = []
    nothing: list[float] = []
    failed = 0

    async def ms_of(call: Call) -> float:
        nonlocal failed
        begun = perf_counter()
        try:
            return (await door.ask(call)).ms
        except RuntimeError:
            failed += 1
            return (perf_counter() - begun) * 1000

    async def reader() -> None:
        for number in _until(numbers, readers.calls):
            variant = number % len(case.variants)
            taken.append((await ms_of(case.variants[variant]), variant))
            if number % _COMPARED_EVERY == 0:
                nothing.append((await door.ask(NOTHING)).ms)
            await asyncio.sleep(readers.pause_s * random.uniform(0.5, 1.5))

    for each in case.variants[:_WARMED_UP]:
        await ms_of(each)  # the first call plans, the others do not
    failed = 0
    async with asyncio.TaskGroup() as group:
        for _ in range(readers.count):
            group.create_task(reader())
    times = [ms for ms, _ in taken]
    return Read(
        title=case.title,
        calls=len(times),
        p50_ms=percentile(times, 0.5),
        p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
        target_p95_ms=case.target_p95_ms,
        nothing_p95_ms=percentile(nothing, 0.95),
        failed=failed,
        slowest=max(taken)[1],
    )


def _until(numbers: Iterator[int], end: int) -> Iterator[int]:
    for number in numbers:
        if number >= end:
            return
        yield number
