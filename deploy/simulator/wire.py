"""How an answer's bytes leave: whole, in pieces, cut, reset or zipped."""

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import web

from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.sse import Payload, framed

_GZIP_WINDOW: Final = 31
_BATCH_BYTES: Final = 32 * 1024


class GoneError(Exception):
    """The connection was ended on purpose before the answer was whole."""


async def send_plain(
    request: web.Request,
    behaviour: Behaviour,
    body: bytes,
    *,
    status: int,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Send a body with its length.

    Raises:
        GoneError: it was cut, as asked.
        ConnectionError: the caller hung up.
    """
    all_headers = {"Content-Type": "application/json", **headers}
    if behaviour.gzip:
        body = gzip.compress(body)
        all_headers["Content-Encoding"] = "gzip"
    if behaviour.cut_body_at is None and behaviour.split_bytes is None:
        whole = web.Response(body=body, status=status, headers=all_headers)
        await whole.prepare(request)
        await whole.write_eof()
        return whole
    response = web.StreamResponse(status=status, headers=all_headers)
    response.content_length = len(body)
    await response.prepare(request)
    await _write(response, body[: behaviour.cut_body_at], behaviour)
    if behaviour.cut_body_at is not None and behaviour.cut_body_at < len(body):
        _close(request)
        raise GoneError
    await response.write_eof()
    return response


async def send_stream(
    request: web.Request,
    behaviour: Behaviour,
    payloads: Iterable[Payload],
    *,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Send server-sent events; each in a chunk of its own if their timing or end was asked for.

    Raises:
        GoneError: it was cut, as asked.
        ConnectionError: the caller hung up.
    """
    all_headers = {"Content-Type": "text/event-stream; charset=utf-8", **headers}
    zipped = zlib.compressobj(wbits=_GZIP_WINDOW) if behaviour.gzip else None
    if zipped is not None:
        all_headers["Content-Encoding"] = "gzip"
    response = web.StreamResponse(headers=all_headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    interval_ms = behaviour.event_interval_ms
    if zipped is None and _in_one_go(behaviour):
        await _write_batched(response, behaviour, payloads)
        await response.write_eof()
        return response
    sent = 0
    for payload in payloads:
        await _end_early(request, response, behaviour, sent)
        if sent and interval_ms is not None:
            await asyncio.sleep(interval_ms / 1000)
        event = framed(payload, behaviour)
        if zipped is not None:
            event = zipped.compress(event) + zipped.flush(zlib.Z_SYNC_FLUSH)
        await _write(response, event, behaviour)
        sent += 1
    await _end_early(request, response, behaviour, sent)
    if zipped is not None:
        await response.write(zipped.flush())
    await response.write_eof()
    return response


def reset_connection(request: web.Request) -> None:
    """Drop the connection so that the peer sees RST and not an orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def hang() -> None:
    """Never return; the server cancels it when the caller hangs up."""
    await asyncio.get_running_loop().create_future()


def _in_one_go(behaviour: Behaviour) -> bool:
    """Whether nothing happens between two events."""
    return (
        behaviour.event_interval_ms is None
        and behaviour.split_bytes is None
        and behaviour.cut_after_events is None
        and behaviour.reset_after_events is None
        and behaviour.hang_after_events is None
    )


async def _write_batched(
    response: web.StreamResponse, behaviour: Behaviour, payloads: Iterable[Payload]
) -> None:
    """Events that follow at once would share a packet anyway: few large writes halve the cost."""
    batch = bytearray()
    for payload in payloads:
        batch += framed(payload, behaviour)
        if len(batch) >= _BATCH_BYTES:
            await response.write(bytes(batch))
            batch.clear()
    await response.write(bytes(batch))


async def _end_early(
    request: web.Request, response: web.StreamResponse, behaviour: Behaviour, sent: int
) -> None:
    if sent not in (
        behaviour.cut_after_events,
        behaviour.reset_after_events,
        behaviour.hang_after_events,
    ):
        return
    await response.write(b"")  # the head goes out even before the first event
    if sent == behaviour.hang_after_events:
        await hang()
    if sent == behaviour.reset_after_events:
        await asyncio.sleep(0)  # the loop sends what was written; a reset drops the rest
        reset_connection(request)
    else:
        _close(request)
    raise GoneError


async def _write(response: web.StreamResponse, data: bytes, behaviour: Behaviour) -> None:
    size = behaviour.split_bytes
    if size is None:
        await response.write(data)
        return
    for at in range(0, len(data), size):
        await response.write(data[at : at + size])
        await asyncio.sleep(0)  # a packet of its own


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
