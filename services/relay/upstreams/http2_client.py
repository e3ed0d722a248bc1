"""An Upstream over HTTP/2, where the peer agrees to it in the TLS handshake, else over HTTP/1.1.

The connections are httpcore2's. Each carries one call at a time, although HTTP/2 could carry many:
httpcore2 never resets a stream that is given up, so its provider would go on answering it, and what
comes for nobody would use up the window that all calls of the connection share.
"""

import asyncio
import ssl
from typing import Final

import httpcore2

from services.relay.http1.decoding import NotDecodableError
from services.relay.http1.pool import Place
from services.relay.http1.target import Target, target_of
from services.relay.upstreams.egress_backend import EgressBackend
from services.relay.upstreams.http2_answer import Http2Answer
from services.relay.upstreams.http2_shelf import Connection, Leased, Shelf
from services.relay.upstreams.upstream import UpstreamAnswer, UpstreamCall, UpstreamFailure
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy

# So httpcore2 says that a connection ended before a byte of the answer came, and only then.
_GONE: Final = "Server disconnected"


class Http2Upstream:
    """Sends calls over pooled connections. Redirects are answers like others.

    As over HTTP/1.1 a call is sent again, once and on a fresh connection, only where a connection
    that had carried another call before ended without a byte of the answer.
    """

    def __init__(
        self,
        *,
        policy: EgressPolicy,
        tls: ssl.SSLContext,
        first_byte_s: float,
        idle_s: float,
        connect_s: float,
        max_connections: int,
        keep_s: float,
    ) -> None:
        """`tls` is its own: what it offers in the handshake is set there."""
        self._policy = policy
        self._tls = tls
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        self._connect_s = connect_s
        self._max_connections = max_connections
        self._keep_s = keep_s
        self._shelves: dict[Place, Shelf] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """See Upstream."""
        try:
            async with asyncio.timeout(self._first_byte_s):
                return await self._send(call)
        except (TimeoutError, httpcore2.TimeoutException):
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except NotDecodableError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED) from None
        except Exception:  # noqa: BLE001  # four libraries lie below, each with errors of its own
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION) from None

    async def close(self) -> None:
        """Close every connection."""
        for shelf in list(self._shelves.values()):
            shelf.close()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _send(self, call: UpstreamCall) -> UpstreamAnswer:
        target = target_of(call.url)
        place = Place(call.pool, target.origin)
        shelf = await self._turn(place)
        leased = shelf.lease(lambda: self._connection(target))
        try:
            return await self._over(leased, target, call)
        except Exception as error:
            if not leased.is_reused or not _is_stale(error):
                raise
        shelf = await self._turn(place)
        return await self._over(shelf.fresh(self._connection(target)), target, call)

    async def _turn(self, place: Place) -> Shelf:
        """The shelf of a place, with a turn on it. An empty one is forgotten, so ask each time."""
        shelf = self._shelves.get(place)
        if shelf is None:
            shelf = self._shelves[place] = Shelf(
                limit=self._max_connections,
                keep_s=self._keep_s,
                closing=self._closing,
                emptied=lambda: self._shelves.pop(place, None),
            )
        async with asyncio.timeout(self._connect_s):
            await shelf.turns.acquire()
        return shelf

    async def _over(self, leased: Leased, target: Target, call: UpstreamCall) -> UpstreamAnswer:
        try:
            request = _request(target, call, connect_s=self._connect_s)
            response = await leased.connection.http.handle_async_request(request)
            return Http2Answer(response, leased, idle_s=self._idle_s)
        except BaseException:
            leased.finish(is_reusable=False)
            raise

    def _connection(self, target: Target) -> Connection:
        backend = EgressBackend(self._policy)
        http = httpcore2.AsyncHTTPConnection(
            origin=_url(target).origin,
            ssl_context=self._tls,
            http1=True,
            http2=True,
            network_backend=backend,
        )
        return Connection(http, backend)


def _url(target: Target) -> httpcore2.URL:
    return httpcore2.URL(
        scheme="https" if target.origin.is_tls else "http",
        host=target.origin.host,
        port=target.origin.port,
        target=target.path,
    )


def _request(target: Target, call: UpstreamCall, *, connect_s: float) -> httpcore2.Request:
    """Raises ValueError where a value would break out of its header."""
    headers = [
        ("Host", target.host_header),
        *call.headers,
        ("Content-Type", "application/json"),
        ("Accept", call.accept),
        ("Accept-Encoding", "identity"),
        ("traceparent", call.traceparent),
        ("Content-Length", str(len(call.body))),
    ]
    if not all(name.isprintable() and value.isprintable() for name, value in headers):
        raise ValueError("a header's value may not have control characters")
    return httpcore2.Request(
        "POST",
        _url(target),
        headers=[(name.encode(), value.encode()) for name, value in headers],
        content=call.body,
        extensions={"timeout": {"connect": connect_s}},
    )


def _is_stale(error: Exception) -> bool:
    """Whether it is the peer's closing of a connection that had waited."""
    if isinstance(error, httpcore2.RemoteProtocolError):
        return str(error).startswith(_GONE)
    return isinstance(
        error, httpcore2.ReadError | httpcore2.WriteError | httpcore2.ConnectionNotAvailable
    )
