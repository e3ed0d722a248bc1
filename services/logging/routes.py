"""The HTTP surface of `logging`."""

from aiohttp import web

from services.logging.api.cors import TOKEN_PATH, cross_origin
from services.logging.api.lists import ListApi
from services.logging.api.token import TokenApi
from shared.http.callers import VerifierSource, authenticated
from shared.http.envelope import envelope_errors


def public_app(*, lists: ListApi, token: TokenApi, keys: VerifierSource) -> web.Application:
    """`/api/log/*`, behind the relay."""
    app = web.Application(middlewares=[cross_origin, envelope_errors, authenticated(keys)])
    for method, path, handler in (
        ("GET", "/api/log/", lists.all_rows),
        ("GET", "/api/log/self", lists.own_rows),
        ("GET", TOKEN_PATH, token.key_rows),
    ):
        app.router.add_route(method, path, handler)
    return app
