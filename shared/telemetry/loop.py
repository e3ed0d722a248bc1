"""Running a service's event loop: uvloop, signals, and an exception handler that quotes nothing."""

import asyncio
import faulthandler
import gc
import resource
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvloop

from shared.telemetry.logs import describe_exception, get_logger

# Python's 700 is soon reached by what is in hand: taking in a batch of records it cost as much as
# the batch itself. Nearly all is freed by its count of references anyway.
_COLLECT_AT: Final = (10_000, 10, 10)

_logger = get_logger()


def run_service(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` to its end. SIGTERM and SIGINT set `stop`; `main` then closes in order."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold what was said
    faulthandler.enable()
    gc.freeze()  # what was imported lives for ever; keep the collector off it
    gc.set_threshold(*_COLLECT_AT)
    uvloop.run(_with_signals(main))


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    described = describe_exception(error) if isinstance(error, BaseException) else {}
    _logger.error("loop.unhandled", what=type(context.get("future")).__name__, **described)
