"""An Upstream over aiohttp's client, through a proxy where the call names one."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp

from services.relay.upstreams.pump import Pump
from services.relay.upstreams.reading import read_whole
from services.relay.upstreams.upstream import (
    BodySink,
    UpstreamAnswer,
    UpstreamCall,
    UpstreamFailure,
)
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy, EgressRefusedError, EgressResolver

_FIRST_FINAL: Final = 200


class AiohttpUpstream:
    """Sends calls through a session, which is the caller's to close."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        first_byte_s: float,
        idle_s: float,
        connect_s: float,
    ) -> None:
        self._session = session
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        # Of the pauses within an answer only those count in which somebody waits for it.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_s)

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """See Upstream."""
        try:
            async with asyncio.timeout(self._first_byte_s):
                response = await self._session.post(
                    call.url,
                    data=call.body,
                    headers={
                        **dict(call.headers),
                        "Content-Type": "application/json",
                        "Accept": call.accept,
                        "Accept-Encoding": "identity",
                        "traceparent": call.traceparent,
                    },
                    timeout=self._timeout,
                    proxy=call.proxy_url,
                    allow_redirects=False,
                )
        except TimeoutError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION) from None
        if response.status < _FIRST_FINAL:
            # aiohttp takes `000` for a status; no event can tell it.
            response.close()
            raise UpstreamFailure(ErrorCode.UPSTREAM_MALFORMED)
        return _AiohttpAnswer(response, self._idle_s)


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse, idle_s: float) -> None:
        self._response = response
        self._idle_s = idle_s
        self._pump = Pump(self)
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def next_chunk(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle_s):
                return await self._response.content.readany()
        except TimeoutError:
            self._response.close()
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except (aiohttp.ClientError, OSError):
            self._response.close()
            raise UpstreamFailure(ErrorCode.UPSTREAM_CUT) from None

    def ready(self) -> bytes | None:
        content = self._response.content
        if content.exception() is not None:
            raise UpstreamFailure(ErrorCode.UPSTREAM_CUT)
        # Empty where there is nothing yet, and at the end.
        return content.read_nowait() or (b"" if content.at_eof() else None)

    async def read(self, max_bytes: int) -> bytes:
        return await read_whole(self, max_bytes)

    def pass_to(self, sink: BodySink) -> None:
        self._pump.start(sink)

    def pause(self) -> None:
        # What comes meanwhile fills aiohttp's buffer, which stops its transport when it is full.
        self._pump.pause()

    def resume(self) -> None:
        self._pump.resume()

    def abort(self) -> None:
        self._pump.stop()
        self._response.close()

    def release(self) -> None:
        self._pump.stop()
        self._response.release()


def open_session(
    policy: EgressPolicy, *, tls: ssl.SSLContext, max_connections: int, keep_s: float
) -> aiohttp.ClientSession:
    """A session that connects to allowed addresses only, be they a target's or a proxy's.

    `max_connections` is for each origin.
    """

    def allowed(info: aiohttp.AddrInfoType) -> socket.socket:
        # Here names and literals come by; a resolver is never asked for a literal.
        if not policy.allows(str(info[4][0])):
            raise EgressRefusedError("the address is in a network not allowed")
        return socket.socket(info[0], info[1], info[2])

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            limit_per_host=max_connections,
            resolver=EgressResolver(policy),
            socket_factory=allowed,
            keepalive_timeout=keep_s,
            ssl=tls,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent",),
    )
