"""`POST /v1/...`: the calls that are relayed."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from services.relay.api.errors import REQUEST_ID
from services.relay.dialects.dialect import Call
from services.relay.relaying import Relaying


def relayed(
    relaying: Relaying, call: Call
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """The handler of one call."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        arrival = relaying.arrive(request, path=call.path)
        request[REQUEST_ID] = arrival.request_id
        return await relaying.relay(request, arrival, call)

    return handle
