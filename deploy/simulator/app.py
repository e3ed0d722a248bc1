from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from deploy.simulator.anthropic_exchange import AnthropicExchange
from deploy.simulator.anthropic_messages import count_tokens, messages
from deploy.simulator.chat_call import chat
from deploy.simulator.completions import completions
from deploy.simulator.control_api import control_routes
from deploy.simulator.embeddings import embeddings
from deploy.simulator.ledger import ServedLedger
from deploy.simulator.models import list_models, retrieve_model
from deploy.simulator.moderations import moderations
from deploy.simulator.provider_api import ProviderApi
from deploy.simulator.responses import responses
from deploy.simulator.rules import RuleBook

_MAX_BODY_BYTES: Final = 256 * 1024 * 1024


def create_app() -> web.Application:
    """The whole simulator; each call makes one with a ledger and rules of its own."""
    ledger, rules = ServedLedger(), RuleBook()
    provider = ProviderApi(ledger, rules)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.add_routes(
        [
            web.post("/v1/chat/completions", provider.handler(chat)),
            web.post("/v1/completions", provider.handler(completions)),
            web.post("/v1/responses", provider.handler(responses)),
            web.post("/v1/embeddings", provider.handler(embeddings)),
            web.post("/v1/moderations", provider.handler(moderations)),
            web.post("/v1/messages", provider.handler(messages, AnthropicExchange)),
            web.post(
                "/v1/messages/count_tokens", provider.handler(count_tokens, AnthropicExchange)
            ),
            web.get("/v1/models", list_models),
            web.get("/v1/models/{id:.+}", retrieve_model),
            *control_routes(ledger, rules),
            web.route("*", "/v1/{path:.*}", provider.unknown),
        ]
    )
    return app


@asynccontextmanager
async def running(host: str, port: int) -> AsyncIterator[str]:
    """Serve on an address while the context is open; yields the base URL (port 0: any free one)."""
    # Without handler_cancellation a hang would outlive the caller that hung up.
    runner = web.AppRunner(
        create_app(), access_log=None, handler_cancellation=True, shutdown_timeout=1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=2048).start()
        bound_host, bound_port = runner.addresses[0][:2]
        yield f"http://{bound_host}:{bound_port}"
    finally:
        await runner.cleanup()
