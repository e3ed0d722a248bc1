"""`GET /v1/models` and `GET /v1/models/{id}`: what this key may use, and has a price.

Shown in the caller's dialect.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import orjson
from aiohttp import web

from services.relay.api.claude_models import claude_model, claude_page
from services.relay.api.dispatcher import PATH_NAMES
from services.relay.api.errors import REQUEST_ID
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.anthropic import ANTHROPIC
from services.relay.dialects.calls import MODELS_PATH, dialect_of
from services.relay.dialects.dialect import Dialect
from services.relay.errors import RelayError
from services.relay.relaying import Relaying
from shared.events.requests import ErrorCode
from shared.events.routing import ModelChanged

MODEL_PATH: Final = MODELS_PATH + "/{id:.+}"
_SHOWN_PATH: Final = MODELS_PATH + "/{id}"
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def list_models(relaying: Relaying, routing: RoutingBook, prices: PriceBook) -> _Handler:
    """The handler of the list."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        caller, at = await _identify(relaying, request, path=MODELS_PATH)
        listed = [
            model
            for model in routing.usable_models(caller.group)
            if _is_offered(model, caller, prices, at)
        ]
        if _dialect(request) is ANTHROPIC:
            return _json(claude_page(listed, request.query))
        return _json({"object": "list", "data": [_shown(model) for model in listed]})

    return handle


def retrieve_model(relaying: Relaying, routing: RoutingBook, prices: PriceBook) -> _Handler:
    """The handler of one. A model that the list would not have is 404."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        caller, at = await _identify(relaying, request, path=_SHOWN_PATH)
        model = routing.usable_model(request[PATH_NAMES]["id"], caller.group)
        if model is None or not _is_offered(model, caller, prices, at):
            raise RelayError(
                ErrorCode.MODEL_NOT_FOUND,
                404,
                "The model does not exist or your API key may not use it.",
                param="model",
            )
        return _json((claude_model if _dialect(request) is ANTHROPIC else _shown)(model))

    return handle


async def _identify(
    relaying: Relaying, request: web.BaseRequest, *, path: str
) -> tuple[ApiCaller, datetime]:
    arrival = relaying.arrive(request, path=path)
    request[REQUEST_ID] = arrival.request_id
    return await relaying.identify(request, arrival, _dialect(request)), arrival.started_at


def _dialect(request: web.BaseRequest) -> Dialect:
    return dialect_of(request.path, request.headers)


def _is_offered(model: ModelChanged, caller: ApiCaller, prices: PriceBook, at: datetime) -> bool:
    limits = caller.key.model_limits
    return (limits is None or model.name in limits) and prices.price(model.name, at) is not None


def _shown(model: ModelChanged) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
    }


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
