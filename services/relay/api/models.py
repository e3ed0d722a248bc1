"""`GET /v1/models`: what this key may use, and has a price."""

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from services.relay.api.errors import REQUEST_ID
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.dialects.openai import OPENAI
from services.relay.relaying import Relaying

MODELS_PATH: Final = "/v1/models"


def list_models(
    relaying: Relaying, routing: RoutingBook, prices: PriceBook
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler."""

    async def handle(request: web.Request) -> web.StreamResponse:
        arrival = relaying.arrive(request, path=MODELS_PATH)
        request[REQUEST_ID] = arrival.request_id
        caller = await relaying.identify(request, arrival, OPENAI)
        limits = caller.key.model_limits
        listed = [
            {
                "id": model.name,
                "object": "model",
                "created": model.created,
                "owned_by": model.owned_by,
            }
            for model in routing.usable_models(caller.group)
            if (limits is None or model.name in limits)
            and prices.price(model.name, arrival.started_at) is not None
        ]
        body = orjson.dumps({"object": "list", "data": listed})
        return web.Response(body=body, content_type="application/json")

    return handle
