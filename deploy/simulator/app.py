from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from deploy.simulator.chat_call import chat
from deploy.simulator.control_api import control_routes
from deploy.simulator.ledger import ServedLedger
from deploy.simulator.models import list_models, retrieve_model
from deploy.simulator.provider_api import ProviderApi
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
