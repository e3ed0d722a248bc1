"""`GET /v1/models` as Anthropic answers it: whoever sends `anthropic-version` gets this one."""

from typing import Final

from aiohttp import web

from deploy.simulator.anthropic_exchange import AnthropicExchange
from deploy.simulator.json_text import to_json

CLAUDE_MODELS: Final = (
    *("claude-opus-5-5", "claude-opus-5", "claude-sonnet-5-5", "claude-sonnet-5"),
    *("claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5"),
    *("claude-opus-4-1", "claude-sonnet-4-6", "claude-sonnet-4-5"),
    *("claude-haiku-4-5", "claude-3-5-haiku-20241022"),
)
_CREATED_AT: Final = "2025-01-01T00:00:00Z"


def is_asked(request: web.Request) -> bool:
    """Whether the caller speaks Anthropic's dialect."""
    return "anthropic-version" in request.headers


async def list_claude_models(request: web.Request) -> web.StreamResponse:
    """All that it serves, on one page."""
    exchange = AnthropicExchange(request)
    if exchange.key_sha256 is None:
        return await exchange.fail(401, exchange.error_body(401))
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": _CREATED_AT}
        for name in CLAUDE_MODELS
    ]
    page = {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return await exchange.plain(to_json(page))
