"""A control that says what its keys are, for services that are tested without it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from deploy.local.ports import HOST, Ports
from shared.http.assertions import AssertionSigner
from shared.http.serving import served


@asynccontextmanager
async def control_of(
    signer: AssertionSigner, further: Iterable[web.RouteDef] = ()
) -> AsyncIterator[str]:
    """Yields its URL; it verifies what `signer` signs, and answers `further` as well."""
    port = Ports()["control"]

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response(signer.jwks())

    app = web.Application()
    app.router.add_routes([web.get("/internal/assertion-keys", keys), *further])
    async with served(app, host=HOST, port=port):
        yield f"http://{HOST}:{port}"
