"""A provider that costs next to nothing: prepared bytes from a bare asyncio Protocol.

The simulated provider of `deploy.simulator` does more for each request than what is measured here.
`python -P -m operations.bench.upstream --port N`
"""

import argparse
import asyncio
from typing import Final, cast

import uvloop

from operations.bench.traffic import (
    asked_pace,
    plain_answer,
    stream_chunks,
    stream_head,
)

_HOST: Final = "127.0.0.1"
_PLAIN: Final = plain_answer()
_STREAM_HEAD: Final = stream_head()
_CHUNKS: Final = stream_chunks()
_ASKS_FOR_STREAM: Final = b'"stream": true'


class Provider(asyncio.Protocol):
    """One connection.

    A stream's next event leaves at the next turn of the loop, as from a provider that flushes each,
    or at the pace that its request asks for.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Takes one request after the other, as all its callers send."""
        received = self._received + data if self._received else data
        head_end = received.find(b"\r\n\r\n")
        if head_end < 0 or len(received) < head_end + 4 + _content_length(received[:head_end]):
            self._received = received
            return
        self._received = b""
        if self._transport is None:
            return
        if received.find(_ASKS_FOR_STREAM, head_end) < 0:
            self._transport.write(_PLAIN)
        else:
            self._transport.write(_STREAM_HEAD)
            pace = asked_pace(received)
            self._send_event(0, 1 / pace if pace else 0)

    def _send_event(self, number: int, interval_s: float) -> None:
        if self._transport is None:
            return
        self._transport.write(_CHUNKS[number])
        if number + 1 == len(_CHUNKS):
            return
        if interval_s:
            self._loop.call_later(interval_s, self._send_event, number + 1, interval_s)
        else:
            self._loop.call_soon(self._send_event, number + 1, interval_s)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, _HOST, port)
    async with server:
        await server.serve_forever()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    _main()
