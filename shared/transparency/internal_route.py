"""`GET /internal/schema`: each service answers for its own tables."""

from typing import Final

import asyncpg
from aiohttp import web

from shared.transparency.disclosure import Disclosure
from shared.transparency.live_schema import live_schema

SCHEMA_PATH: Final = "/internal/schema"


def schema_route(pool: asyncpg.Pool, disclosure: Disclosure) -> web.RouteDef:
    """For `internal_app`, which asks for the service credential."""

    async def show(_request: web.Request) -> web.Response:
        told = await live_schema(pool, disclosure)
        return web.Response(text=told.model_dump_json(), content_type="application/json")

    return web.get(SCHEMA_PATH, show)
