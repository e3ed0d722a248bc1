"""Which handler a request goes to, on the public port.

Calls whose target is written as plainly as their route's are found in a table. All else goes where
aiohttp's own router says: names in paths, percent-encoding, 404, and 405 with what is allowed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

from aiohttp import StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from services.relay.api.errors import dialect_errors
from services.relay.api.paths import refuse_ambiguous_path

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
PATH_NAMES: Final = web.RequestKey("path_names", Mapping[str, str])
"""What stands for the names in a route's path."""


class Dispatcher:
    """Answers every request of the public port."""

    def __init__(self, routes: Sequence[web.RouteDef]) -> None:
        self._router = web.UrlDispatcher()
        self._router.add_routes(routes)
        self._router.freeze()
        self._plain = dict(_plain(routes))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer, whatever is asked."""
        method, target = request.method, request.raw_path
        handler = self._plain.get((method, target)) or self._plain.get(
            (method, target.partition("?")[0])
        )
        if handler is None or hdrs.EXPECT in request.headers:
            handler = self._route
        return await dialect_errors(request, handler)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        refuse_ambiguous_path(request)
        # It is declared for applications' requests, and looks at method and URL only.
        match = await self._router.resolve(cast("web.Request", request))
        if match.http_exception is not None:
            raise match.http_exception
        request[PATH_NAMES] = match
        if hdrs.EXPECT in request.headers:
            await match.expect_handler(cast("web.Request", request))
        handler = cast("Handler", match.handler)
        return await handler(request)


def public_server(routes: Sequence[web.RouteDef], *, max_body_bytes: int) -> web.Server:
    """A server of `routes`, without what an application does for each request."""
    loop = asyncio.get_running_loop()

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=max_body_bytes
        )

    return web.Server(Dispatcher(routes).handle, request_factory=make_request)


def _plain(routes: Iterable[web.RouteDef]) -> Iterator[tuple[tuple[str, str], Handler]]:
    for route in routes:
        if "{" in route.path or route.method == hdrs.METH_ANY:
            continue
        handler = cast("Handler", route.handler)
        yield (route.method, route.path), handler
        if route.kwargs.get("allow_head"):
            yield (hdrs.METH_HEAD, route.path), handler
