"""`/api/*`: passed on to the service that owns the route, with who calls signed by control.

The relay strips every `x-ledgerline-*` header, the caller's credentials and cookies, and adds the
assertion; it can never make one. Without a credential, or with one that control does not know,
the call goes on without an assertion: the owner says what that means.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from shared.http.assertions import ASSERTION_HEADER
from shared.http.envelope import EnvelopeError
from shared.http.internal_client import InternalCallError, InternalClient
from shared.telemetry.logs import get_logger

_logger = get_logger()
SESSION_COOKIE: Final = "ledgerline_session"
_REMEMBER_S: Final = 5.0
_REMEMBERED: Final = 10_000
_ACCESS_TOKEN_CHARS: Final = 32
_CHUNK_BYTES: Final = 64 * 1024
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
_KEY_IN_QUERY: Final = "/api/log/token"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller of `/api/*` showed. `value` is a secret."""

    kind: str
    value: str

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


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
        control: InternalClient,
        session: aiohttp.ClientSession,
    ) -> None:
        self._owners = sorted(owners.items(), key=lambda item: -len(item[0]))
        self._control = control
        self._session = session
        self._assertions: OrderedDict[tuple[bytes, str], tuple[float, str | None]] = OrderedDict()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The owner's answer. Raises EnvelopeError 404 or 503."""
        owner = self._owner(request.path)
        credential = credential_of(request)
        assertion = await self._assertion(credential, owner.service) if credential else None
        try:
            async with self._session.request(
                request.method,
                _target(owner, request),
                headers=_forwarded(request, assertion),
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            ) as answer:
                return await _pass_on(request, answer)
        except (TimeoutError, aiohttp.ClientError) as error:
            _logger.warning("door.failed", service=owner.service, error=type(error).__name__)
            raise EnvelopeError(f"{owner.service} cannot be reached", http_status=503) from None

    def _owner(self, path: str) -> Owner:
        for prefix, owner in self._owners:
            if path == prefix or path.startswith(prefix + "/"):
                return owner
        raise EnvelopeError("there is no such call", http_status=404)

    async def _assertion(self, credential: Credential, audience: str) -> str | None:
        digest = hashlib.sha256(f"{credential.kind}:{credential.value}".encode()).digest()
        remembered = self._assertions.get((digest, audience))
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1]
        try:
            answer = await self._control.call(
                "POST",
                "/internal/authenticate",
                {
                    "credential": {"kind": credential.kind, "value": credential.value},
                    "audience": audience,
                },
            )
        except InternalCallError:
            raise EnvelopeError("signing in is not possible right now", http_status=503) from None
        assertion: str | None = answer["assertion"]
        self._assertions[digest, audience] = (time.monotonic() + _REMEMBER_S, assertion)
        self._assertions.move_to_end((digest, audience))
        if len(self._assertions) > _REMEMBERED:
            self._assertions.popitem(last=False)
        return assertion


def credential_of(request: web.Request) -> Credential | None:
    """What the caller showed: a session, a 32-character access token, or an API key."""
    header = request.headers.get("Authorization", "")
    scheme, _, rest = header.partition(" ")
    value = (rest if scheme.lower() == "bearer" else header).strip()
    if not value and request.path == _KEY_IN_QUERY and (key := request.query.get("key")):
        return Credential("key", key)
    if not value:
        cookie = request.cookies.get(SESSION_COOKIE)
        return Credential("session", cookie) if cookie else None
    if value.startswith("sk-"):
        return Credential("key", value)
    kind = "access_token" if len(value) == _ACCESS_TOKEN_CHARS else "session"
    return Credential(kind, value)


def _target(owner: Owner, request: web.Request) -> URL:
    target = request.raw_path
    if request.path == _KEY_IN_QUERY:
        # The key is a secret: it was turned into the assertion and goes no further.
        query = [(name, value) for name, value in request.query.items() if name != "key"]
        return URL(owner.base_url + request.path, encoded=True).with_query(query)
    return URL(owner.base_url + target, encoded=True)


def _forwarded(request: web.Request, assertion: str | None) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lowered = name.lower()
        if lowered not in _HOP_BY_HOP and not lowered.startswith("x-ledgerline-"):
            headers.add(name, value)
    if assertion is not None:
        headers[ASSERTION_HEADER] = assertion
    return headers


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in _HOP_BY_HOP | {"date", "server"}:
            response.headers.add(name, value)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    await response.prepare(request)
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        await response.write(chunk)
    await response.write_eof()
    return response
