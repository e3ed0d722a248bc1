"""A relay of three workers, from the outside."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import aiohttp
import psutil

from deploy.local.stack import Stack

RELAY: Final = "relay-0"
WORKERS: Final = 3
_DEADLINE_S: Final = 30.0


def workers(stack: Stack) -> dict[int, psutil.Process]:
    """Those that run, by their number."""
    children = psutil.Process(stack.process(RELAY).pid).children()
    return {
        int(words[words.index("--worker") + 1]): child
        for child in children
        if "--worker" in (words := _command(child))
    }


def connections(stack: Stack, worker: psutil.Process) -> int:
    """How many clients' connections a worker has."""
    port = stack.ports[f"{RELAY}/api"]
    return sum(
        each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
        for each in worker.net_connections("tcp")
    )


def busiest(
    stack: Stack, others: Mapping[int, int] = MappingProxyType({})
) -> tuple[psutil.Process, int]:
    """The worker with most connections, and how many. Those of `others`, by pid, do not count."""
    had = [
        (worker, connections(stack, worker) - others.get(worker.pid, 0))
        for worker in workers(stack).values()
    ]
    return max(had, key=lambda each: each[1])


def journals(stack: Stack) -> set[Path]:
    """The folders of living relays, and of those that nobody recovered yet."""
    return {
        path
        for path in (stack.state_dir / "journal").iterdir()
        if path.name != "quarantine" and not path.name.startswith(".")
    }


def recoveries(stack: Stack, relay_id: str) -> int:
    """How often the log says that a relay's journal was recovered."""
    log = stack.process(RELAY).output_path.read_text()
    done = [line for line in log.splitlines() if "recovery.done" in line]
    return sum(f'"relay_id":"{relay_id}"' in line for line in done)


async def served(stack: Stack) -> float:
    """Requests that succeeded, as the relay's metrics say."""
    text = await _get(stack, "/metrics")
    found = re.findall(
        r'^ledgerline_relay_requests_total\{.*outcome="succeeded".*\} (\S+)$', text, re.MULTILINE
    )
    return sum(map(float, found))


async def metric(stack: Stack, series: str) -> float:
    """One series of the relay's metrics, by its whole name."""
    text = await _get(stack, "/metrics")
    (line,) = [line for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(line.rpartition(" ")[2])


async def all_ready(stack: Stack) -> None:
    """Wait until each worker takes requests."""
    await stack.wait_ready(RELAY)
    async with asyncio.timeout(_DEADLINE_S):
        while await metric(stack, "ledgerline_relay_workers_ready") < WORKERS:
            await asyncio.sleep(0.05)


async def until(holds: Callable[[], object]) -> None:
    """Poll, up to a deadline."""
    async with asyncio.timeout(_DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.05)


async def _get(stack: Stack, path: str) -> str:
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        http.get(stack.internal_url("relay") + path) as response,
    ):
        return await response.text()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it ended while we looked
        return []
