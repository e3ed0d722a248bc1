"""`/api/*`: passed on to the service that owns the route, with who calls signed by control.

The relay strips every `x-ledgerline-*` header, the caller's credentials and cookies (but for the
refresh token's, on its one call), and adds the assertion; it can never make one. Without a
credential, or with one that control does not know, the call goes on without an assertion: the owner
says what that means.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from services.relay.answering.passing import REQUEST_ID_HEADER
from services.relay.api.signing_in import SigningIn, is_key_in_query, refresh_cookie
from shared.events.event import new_event_id
from shared.http.assertions import ASSERTION_HEADER
from shared.http.connection import SERVER
from shared.http.envelope import EnvelopeError
from shared.http.serving import CLIENT_IDLE_S
from shared.telemetry.logs import get_logger

_logger = get_logger()
CLIENT_ADDRESS_HEADER: Final = "x-ledgerline-client-address"
"""For the owners' audit; like every header of this prefix it is stripped from what clients send."""
_CHUNK_BYTES: Final = 64 * 1024
_LOOK_S: Final = 1.0
# An export takes as long as its reader does; what is bounded is how long an owner may say nothing.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "authorization",
        "x-api-key",
        "cookie",
    }
)


@dataclass(frozen=True, slots=True)
class Owner:
    """A service and the address of its `/api` surface."""

    service: str
    base_url: str


class Door:
    """Passes `/api/*` on. Prefixes are matched whole segments at a time, the longest first."""

    def __init__(
        self,
        *,
        owners: Mapping[str, Owner],
        sign_in: SigningIn,
        session: aiohttp.ClientSession,
        client_address: Callable[[web.BaseRequest], str],
        client_idle_s: float = CLIENT_IDLE_S,
    ) -> None:
        """`client_idle_s`: how long a client may take nothing of an answer."""
        self._owners = sorted(owners.items(), key=lambda item: -len(item[0]))
        self._sign_in = sign_in
        self._session = session
        self._client_address = client_address
        self._client_idle_s = client_idle_s
        self._streams: set[aiohttp.ClientResponse] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The owner's answer. Raises EnvelopeError 404 or 503."""
        owner = self._owner(request.path)
        headers = _forwarded(request)
        client_address = self._client_address(request)
        headers[CLIENT_ADDRESS_HEADER] = client_address
        if (cookie := refresh_cookie(request)) is not None:
            headers["Cookie"] = cookie
        assertion = await self._sign_in.assertion(
            request, audience=owner.service, client_address=client_address
        )
        if assertion is not None:
            headers[ASSERTION_HEADER] = assertion
        try:
            async with self._session.request(
                request.method,
                _target(owner, request),
                headers=headers,
                data=request.content if request.body_exists else None,
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as answer:
                with self._noted(request, answer):
                    return await _pass_on(request, answer, self._client_idle_s)
        except (TimeoutError, aiohttp.ClientError) as error:
            _logger.warning("door.failed", service=owner.service, error=type(error).__name__)
            raise EnvelopeError(f"{owner.service} cannot be reached", http_status=503) from None

    def end_streams(self) -> None:
        """Cut what goes on for minutes, for a stop: whoever watches connects again, elsewhere."""
        for answer in self._streams:
            answer.close()

    @contextmanager
    def _noted(self, request: web.BaseRequest, answer: aiohttp.ClientResponse) -> Iterator[None]:
        """Have a stream end when its client has left: its owner may say nothing for long."""
        if answer.content_type != "text/event-stream":
            yield
            return
        loop = asyncio.get_running_loop()
        looking: asyncio.TimerHandle

        def look() -> None:
            nonlocal looking
            if request.transport is None:
                answer.close()
            else:
                looking = loop.call_later(_LOOK_S, look)

        looking = loop.call_later(_LOOK_S, look)
        self._streams.add(answer)
        try:
            yield
        finally:
            looking.cancel()
            self._streams.discard(answer)

    def _owner(self, path: str) -> Owner:
        for prefix, owner in self._owners:
            if path == prefix or path.startswith(prefix + "/"):
                return owner
        raise EnvelopeError("there is no such call", http_status=404)


def _target(owner: Owner, request: web.BaseRequest) -> URL:
    target = request.raw_path
    if not target.startswith("/"):  # with a host before it, as proxies are asked
        target = request.rel_url.raw_path_qs
    if is_key_in_query(request):
        # The key is a secret: it was turned into the assertion and goes no further.
        query = [(name, value) for name, value in request.query.items() if name != "key"]
        return URL(owner.base_url + request.path, encoded=True).with_query(query)
    return URL(owner.base_url + target, encoded=True)


def _forwarded(request: web.BaseRequest) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lowered = name.lower()
        if lowered not in _HOP_BY_HOP and not lowered.startswith("x-ledgerline-"):
            headers.add(name, value)
    return headers


async def _pass_on(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, client_idle_s: float
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in _HOP_BY_HOP | {"date", "server"}:
            response.headers.add(name, value)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    response.headers.setdefault(REQUEST_ID_HEADER, new_event_id())
    response.headers["Server"] = SERVER
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            async with asyncio.timeout(client_idle_s):
                await response.write(chunk)
        await response.write_eof()
    except (TimeoutError, aiohttp.ClientError):
        # The head is gone: another answer would stand inside of this one. Leave it visibly cut.
        if request.transport is not None:
            request.transport.abort()
    return response
