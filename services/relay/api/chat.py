"""`POST /v1/chat/completions`."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from services.relay.api.errors import REQUEST_ID
from services.relay.dialects.openai import CHAT_PATH, UPSTREAM_CHAT_PATH, OpenAIDialect
from services.relay.relaying import Relaying


def chat_completions(
    relaying: Relaying,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler."""
    dialect = OpenAIDialect()

    async def handle(request: web.Request) -> web.StreamResponse:
        arrival = relaying.arrive(request, path=CHAT_PATH)
        request[REQUEST_ID] = arrival.request_id
        return await relaying.relay(request, arrival, dialect, UPSTREAM_CHAT_PATH)

    return handle
