"""Calls through an outgoing proxy, by aiohttp's client."""

import asyncio
import socket
from typing import Final
from urllib.parse import urlsplit

from services.relay.http1.target import Origin, target_of
from services.relay.upstreams.upstream import (
    Upstream,
    UpstreamAnswer,
    UpstreamCall,
    UpstreamFailure,
)
from shared.events.requests import ErrorCode
from shared.http.egress import EgressPolicy

_SCHEMES: Final = frozenset({"http", "https"})
_PROXY_REFUSES: Final = 407


class ProxiedUpstream:
    """Looks at where a call leads before it goes on. The proxy's own address is the connector's.

    The proxy resolves the target once more, so its address cannot be held to the one looked at:
    a name is refused if any of its addresses is. A name that cannot be resolved here is left to
    the proxy: where one is needed, often nothing but the proxy can resolve what is outside.
    """

    def __init__(self, upstream: Upstream, *, policy: EgressPolicy, first_byte_s: float) -> None:
        """`upstream` goes through `UpstreamCall.proxy_url`."""
        self._upstream = upstream
        self._policy = policy
        self._first_byte_s = first_byte_s

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """See Upstream."""
        try:
            proxy = urlsplit(call.proxy_url or "")
            # What is no proxy to aiohttp it would leave out, and go straight to the target.
            is_proxy = proxy.scheme in _SCHEMES and bool(proxy.hostname)
            origin = target_of(call.url).origin
            async with asyncio.timeout(self._first_byte_s):
                is_allowed = is_proxy and await self._allows(origin)
        except TimeoutError:
            raise UpstreamFailure(ErrorCode.UPSTREAM_TIMEOUT) from None
        except ValueError:
            is_allowed = False
        if not is_allowed:
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION)
        answer = await self._upstream.send(call)
        if answer.status == _PROXY_REFUSES:
            # Without TLS the proxy's own refusal looks like the provider's answer.
            answer.abort()
            raise UpstreamFailure(ErrorCode.UPSTREAM_CONNECTION)
        return answer

    async def _allows(self, origin: Origin) -> bool:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        except OSError:
            return True
        return all(self._policy.allows(str(info[4][0])) for info in found)
