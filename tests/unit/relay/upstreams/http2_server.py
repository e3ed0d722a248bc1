"""A server that speaks HTTP/2 over TLS and says what a test tells it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

Headers = list[tuple[str, str]]


@dataclass
class Asked:
    """One call, whose request has wholly come."""

    connection: "_Connection"
    stream_id: int
    headers: dict[str, str]
    body: bytes
    is_reset: bool = False
    """The client has given it up."""

    async def head(self, status: int = 200, headers: Headers | None = None) -> None:
        self.connection.h2.send_headers(
            self.stream_id, [(":status", str(status)), *(headers or [])]
        )
        await self.connection.flush()

    async def say(self, data: bytes) -> None:
        """As far as the client's windows allow; waits for more room."""
        state = self.connection.h2
        while data:
            room = min(
                state.local_flow_control_window(self.stream_id), state.max_outbound_frame_size
            )
            if room <= 0:
                self.connection.room.clear()
                await self.connection.room.wait()
                continue
            state.send_data(self.stream_id, data[:room])
            data = data[room:]
            await self.connection.flush()

    async def end(self) -> None:
        self.connection.h2.end_stream(self.stream_id)
        await self.connection.flush()

    async def answer(self, body: bytes, *headers: tuple[str, str], status: int = 200) -> None:
        await self.head(status, [*headers])
        await self.say(body)
        await self.end()

    async def reset(self) -> None:
        self.connection.h2.reset_stream(self.stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self.connection.flush()

    async def go_away(self) -> None:
        self.connection.h2.close_connection()
        await self.connection.flush()

    def close(self) -> None:
        self.connection.writer.transport.abort()


Script = Callable[[Asked], Awaitable[None]]


@dataclass
class Http2Server:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open: int = 0


class _Connection:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.writer = writer
        self.room = asyncio.Event()
        self.calls: dict[int, Asked] = {}

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    def heard(self, event: h2.events.Event) -> Asked | None:
        """A call that is there now."""
        if isinstance(event, h2.events.RequestReceived):
            named = cast("list[tuple[Any, Any]]", event.headers)
            headers = {_text(name): _text(value) for name, value in named}
            self.calls[event.stream_id] = Asked(self, event.stream_id, headers, b"")
        elif isinstance(event, h2.events.DataReceived):
            self.calls[event.stream_id].body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated):
            self.room.set()
        elif isinstance(event, h2.events.StreamReset):
            self.calls[event.stream_id].is_reset = True
        elif isinstance(event, h2.events.StreamEnded):
            return self.calls[event.stream_id]
        return None


@asynccontextmanager
async def serving_http2(script: Script, tls: ssl.SSLContext) -> AsyncIterator[Http2Server]:
    """Runs `script` for each call."""
    found = Http2Server()
    tasks: set[asyncio.Task[Any]] = set()
    tls.set_alpn_protocols(["h2"])

    async def run(asked: Asked) -> None:
        with suppress(ConnectionError, h2.exceptions.ProtocolError):
            await script(asked)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(cast("asyncio.Task[Any]", asyncio.current_task()))
        found.connections += 1
        found.open += 1
        connection = _Connection(writer)
        connection.h2.initiate_connection()
        try:
            with suppress(ConnectionError, ssl.SSLError, h2.exceptions.ProtocolError):
                await connection.flush()
                while data := await reader.read(65536):
                    for event in connection.h2.receive_data(data):
                        if (asked := connection.heard(event)) is not None:
                            found.asked.append(asked)
                            tasks.add(asyncio.create_task(run(asked)))
                    await connection.flush()
        finally:
            found.open -= 1
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
