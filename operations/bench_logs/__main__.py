"""`make bench-logs`: how long `logging` takes to answer over many rows, while more come in.

It makes a stack of its own with made-up requests (operations.seed_logs), and measures in this
order: each call by itself beside paced ingest, the plans of the slowest three, the deletion of
half, and ingest at full speed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from operations.bench.ingest import migrate
from operations.bench.machine import machine_lines
from operations.bench_logs.asked import Case
from operations.bench_logs.calls import ANSWERS, Door, door
from operations.bench_logs.cases import log_cases
from operations.bench_logs.deleting import delete_half
from operations.bench_logs.full_speed import full_speed
from operations.bench_logs.incoming import incoming
from operations.bench_logs.knowing import known
from operations.bench_logs.plans import plan_of, written_down
from operations.bench_logs.reading import Read, Readers, read_all
from operations.bench_logs.report import (
    deleted_lines,
    incoming_lines,
    plan_lines,
    read_lines,
    speed_lines,
)
from operations.bench_logs.usage_cases import usage_cases
from operations.seed_logs.history import History
from operations.seed_logs.writing import Seeded, analyse, seed
from shared.service.open_files import raise_open_files

_PARTS: Final = ("reads", "plans", "delete", "ingest")
_EXPLAINED: Final = 3
_ANSWERING: Final = f"logging-{ANSWERS}"
_HAS_ROWS: Final = "SELECT EXISTS (SELECT FROM logging.logs)"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is measured, and of how much."""

    history: History
    parts: frozenset[str]
    rate_per_s: float
    readers: Readers
    ingest_events: int


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    asked = Asked(
        history=History(rows=given.rows, days=given.days, until=int(time.time())),
        parts=frozenset(given.only or _PARTS),
        rate_per_s=given.rate,
        readers=Readers(count=given.readers, pause_s=given.pause_ms / 1000, calls=given.calls),
        ingest_events=given.ingest_events,
    )
    raise_open_files()
    figures = asyncio.run(_measured(asked, given.folder))
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=1))
    return 0


async def _measured(asked: Asked, kept: Path | None) -> dict[str, Any]:
    _print("", machine_lines())
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-logs-") as folder:
        spec = StackSpec(
            state_dir=kept or Path(folder, "stack"),
            loggings=ANSWERS + 1,
            settings={_ANSWERING: {"LEDGERLINE_LOG_TAKES_IN": "false"}},
        )
        stack = Stack(spec)
        try:
            await stack.start_infrastructure()
            await migrate(stack, "logging")
            await _fill(stack, asked.history)
            return await _parts(stack, asked)
        finally:
            await stack.stop()


async def _fill(stack: Stack, history: History) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        if await connection.fetchval(_HAS_ROWS):
            print("the folder has rows: they are taken as they are")
            return
    finally:
        await connection.close()
    seeded = await seed(stack.dsn("logging"), history, report=_progress)
    await analyse(stack.dsn("superuser"))
    rate = seeded.events / seeded.took_s
    print(f"\nmade {seeded.events:,} rows in {seeded.took_s:.0f} s ({rate:,.0f} a second)")


async def _parts(stack: Stack, asked: Asked) -> dict[str, Any]:
    figures: dict[str, Any] = {"machine": list(machine_lines()), "rows": asked.history.rows}
    if asked.parts - {"ingest"}:
        async with _serving(stack) as served:
            figures |= await _served_parts(stack, served, asked)
    if "ingest" in asked.parts:
        found = await full_speed(stack, events=asked.ingest_events)
        _print("Ingest at full speed, nobody reading", speed_lines(found))
        figures["ingest"] = asdict(found)
    return figures


async def _served_parts(stack: Stack, served: Door, asked: Asked) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    there = await known(served, asked.history)
    all_cases = [*log_cases(there), *usage_cases(there)]
    slowest: list[tuple[Read, Case]] = []
    if asked.parts & {"reads", "plans"}:
        async with incoming(stack, rate_per_s=asked.rate_per_s) as coming:
            reads = await read_all(served, all_cases, asked.readers)
        _print(f"Calls, by {asked.readers.count} readers", read_lines(reads))
        _print("", incoming_lines(coming))
        figures |= {"reads": [asdict(each) for each in reads], "incoming": asdict(coming)}
        pairs = zip(reads, all_cases, strict=True)
        slowest = sorted(pairs, key=lambda pair: pair[0].p95_ms, reverse=True)[:_EXPLAINED]
    if "plans" in asked.parts:
        async with written_down(stack):
            plans = [
                await plan_of(stack, served, case.title, case.variants[read.slowest])
                for read, case in slowest
            ]
        _print("The longest statement of the slowest three", plan_lines(plans))
        figures["plans"] = [each._asdict() for each in plans]
    if "delete" in asked.parts:
        async with incoming(stack, rate_per_s=asked.rate_per_s) as coming:
            deleted = await delete_half(stack, served, asked.history, readers=asked.readers)
        _print("Deleting half, beside ingest", deleted_lines(deleted))
        _print("", incoming_lines(coming))
        figures |= {"delete": asdict(deleted), "incoming_beside_delete": asdict(coming)}
    return figures


@asynccontextmanager
async def _serving(stack: Stack) -> AsyncIterator[Door]:
    async with door(stack) as served, AsyncExitStack() as processes:
        for name in ("logging-0", _ANSWERING):
            await stack.start_process(name)
            processes.push_async_callback(stack.process(name).stop)
            await stack.wait_ready(name)
        yield served


def _progress(so_far: Seeded) -> None:
    print(f"\r{so_far.events:,} rows", end="", file=sys.stderr, flush=True)


def _print(title: str, lines: Iterable[str]) -> None:
    print(f"\n{title}" if title else "")
    for line in lines:
        print(line)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.bench_logs", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="requests; 10,000,000")
    parser.add_argument("--days", type=int, default=60, help="over how many days; 60")
    parser.add_argument(
        "--rate", type=float, default=5_000, help="events a second meanwhile; 5,000"
    )
    parser.add_argument("--readers", type=int, default=2, help="who ask at once; 2")
    parser.add_argument("--pause-ms", type=float, default=100, help="of each between calls; 100")
    parser.add_argument("--calls", type=int, default=100, help="of each kind; 100")
    parser.add_argument("--ingest-events", type=int, default=300_000, help="at full speed; 300,000")
    parser.add_argument("--only", choices=_PARTS, action="append", help="leave the others out")
    parser.add_argument("--folder", type=Path, help="keep the stack there; full, it is used again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
