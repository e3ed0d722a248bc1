"""Which client a call goes through."""

from collections.abc import Callable

from services.relay.upstreams.upstream import Upstream, UpstreamAnswer, UpstreamCall


class Upstreams:
    """An Upstream for every call: through its proxy, over HTTP/2, or as nearly all, over HTTP/1.1.

    A call with a proxy goes over HTTP/1.1, whatever it asks for.
    """

    def __init__(
        self,
        *,
        plain: Upstream,
        make_proxied: Callable[[], Upstream],
        make_http2: Callable[[], Upstream],
    ) -> None:
        """What few channels need is made when the first call asks for it."""
        self._plain = plain
        self._make_proxied = make_proxied
        self._make_http2 = make_http2
        self._proxied: Upstream | None = None
        self._http2: Upstream | None = None

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        """See Upstream."""
        if call.proxy_url is not None:
            if self._proxied is None:
                self._proxied = self._make_proxied()
            return await self._proxied.send(call)
        if call.http2:
            if self._http2 is None:
                self._http2 = self._make_http2()
            return await self._http2.send(call)
        return await self._plain.send(call)
