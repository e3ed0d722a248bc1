"""`GET /v1/models` and `GET /v1/models/{id}`."""

from typing import Any, Final

from aiohttp import web

from deploy.simulator.anthropic_models import is_asked, list_claude_models
from deploy.simulator.errors import error_json
from deploy.simulator.exchange import Exchange
from deploy.simulator.json_text import to_json

MODELS: Final = (
    *("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "o4-mini"),
    "gpt-3.5-turbo-instruct",
    *("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"),
    *("omni-moderation-latest", "text-moderation-latest"),
)
_CREATED: Final = 1_700_000_000


async def list_models(request: web.Request) -> web.StreamResponse:
    """All that it serves, in the caller's dialect."""
    if is_asked(request):
        return await list_claude_models(request)
    exchange = Exchange(request)
    if exchange.key_sha256 is None:
        return await exchange.fail(401, error_json(401))
    data = [_model(name) for name in MODELS]
    return await exchange.plain(to_json({"object": "list", "data": data}))


async def retrieve_model(request: web.Request) -> web.StreamResponse:
    """One of them; 404 for any other name."""
    exchange = Exchange(request)
    if exchange.key_sha256 is None:
        return await exchange.fail(401, error_json(401))
    name = request.match_info["id"]
    if name not in MODELS:
        return await exchange.fail(404, error_json(404, param="model"))
    return await exchange.plain(to_json(_model(name)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "openai"}
