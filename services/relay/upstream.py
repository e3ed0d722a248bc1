"""The upstream half: one small interface, so that the client behind it can be exchanged.

UpstreamFailure
├── .code UPSTREAM_CONNECTION   nothing was sent, or nothing came back
├── .code UPSTREAM_TIMEOUT      no answer, or no next byte, in time
├── .code UPSTREAM_CUT          the answer ended before its end
├── .code UPSTREAM_MALFORMED    the answer cannot be understood
└── .code ANSWER_TOO_LARGE      the answer is larger than its reader takes: no fault of the channel
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import aiohttp

from shared.events.requests import ErrorCode


class UpstreamFailure(Exception):  # noqa: N818  # a failure of another's, not an error of ours
    """The upstream did not answer, or not to the end."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


class UpstreamCall(NamedTuple):
    """One call. `headers` hold a secret."""

    url: str
    headers: tuple[tuple[str, str], ...]
    """The channel's authorization, and what of the client's goes on."""
    body: bytes
    traceparent: str
    accept: str


class UpstreamAnswer(Protocol):
    """An answer whose head has come. Read it to its end, or abort it."""

    status: int
    headers: Mapping[str, str]

    async def next_chunk(self) -> bytes:
        """The bytes that come next; empty at the end. Raises UpstreamFailure."""

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises UpstreamFailure, also where it is larger than `max_bytes`."""

    def abort(self) -> None:
        """Close the connection without reading the rest. Idempotent."""

    def release(self) -> None:
        """The body was read to its end: the connection may be used again. Idempotent."""


class Upstream(Protocol):
    """Something that can send a call."""

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """Send the call and wait for the answer's head. Raises UpstreamFailure."""


class AiohttpUpstream:
    """An Upstream over aiohttp's client. The session is the caller's to close."""

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
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=idle_s)

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
                    allow_redirects=False,
                )
        except TimeoutError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION) from None
        return _AiohttpAnswer(response)


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def next_chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except TimeoutError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailure(ErrorCode.UPSTREAM_CUT) from None

    async def read(self, max_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while chunk := await self.next_chunk():
            parts.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                self.abort()
                raise UpstreamFailure(ErrorCode.ANSWER_TOO_LARGE)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self) -> None:
        self._response.close()

    def release(self) -> None:
        self._response.release()
