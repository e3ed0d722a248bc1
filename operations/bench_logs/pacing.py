"""`python -P -m operations.bench_logs.pacing`: sends made requests to the topic at a steady rate.

A process of its own, so that readers need not wait for it. Its standard input ends it.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from random import Random
from time import monotonic, time
from typing import Final

from operations.seed_logs.population import population
from operations.seed_logs.requests import Requests
from shared.kafka.producer import IdempotentProducer

_BEAT_S: Final = 0.1
_LONGEST_S: Final = 3_600.0
_MOST: Final = 5_000
"""Events at once."""


async def _send(bootstrap: str, *, rate_per_s: float, events: int | None) -> None:
    """Send until so many are out; None: until standard input ends."""
    requests = Requests(population(), Random())  # noqa: S311 - made-up traffic is no secret
    async with AsyncExitStack() as stack:
        producer = await stack.enter_async_context(
            IdempotentProducer(bootstrap=bootstrap, client_id="bench-logs")
        )
        ended = asyncio.create_task(_input_ended() if events is None else asyncio.sleep(_LONGEST_S))
        begun, sent = monotonic(), 0
        while not ended.done() and sent != events:
            due = int((monotonic() - begun + _BEAT_S) * rate_per_s) - sent
            if events is not None:
                due = min(due, events - sent, _MOST)
            now_ms = int(time() * 1000)
            await producer.send_all(list(requests.ended(now_ms for _ in range(due))))
            sent += due
            print(sent, flush=True)
            await asyncio.wait([ended], timeout=begun + sent / rate_per_s - monotonic())
        ended.cancel()


async def _input_ended() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--rate", type=float, required=True, help="events a second")
    parser.add_argument("--events", type=int, help="how many in all; else until its input ends")
    asked = parser.parse_args()
    asyncio.run(_send(asked.bootstrap, rate_per_s=asked.rate, events=asked.events))


if __name__ == "__main__":
    main()
