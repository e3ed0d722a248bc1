"""The HTTP surface of `logging`."""

from typing import Final, NamedTuple

from aiohttp import web

from services.logging.api.history import HistoryApi
from services.logging.api.lists import ListApi
from services.logging.api.stats import StatsApi
from services.logging.api.token import TokenApi
from shared.http.callers import VerifierSource, authenticated
from shared.http.cross_origin import cross_origin
from shared.http.envelope import envelope_errors

_TOKEN_PATHS: Final = ("/api/log/token", "/api/log/token/")


class Apis(NamedTuple):
    """The handlers of each area."""

    lists: ListApi
    stats: StatsApi
    history: HistoryApi
    token: TokenApi


def public_app(apis: Apis, *, keys: VerifierSource) -> web.Application:
    """`/api/log/*`, behind the relay."""
    app = web.Application(
        middlewares=[cross_origin(_TOKEN_PATHS), envelope_errors, authenticated(keys)]
    )
    lists, stats, history, token = apis
    for method, path, handler in (
        ("GET", "/api/log/", lists.all_rows),
        ("GET", "/api/log/stat", stats.of_all),
        ("GET", "/api/log/search", lists.search_all),
        ("DELETE", "/api/log/", history.delete),
        ("GET", "/api/log/explain/{request_id}", history.explain),
        ("GET", "/api/log/self", lists.own_rows),
        ("GET", "/api/log/self/stat", stats.of_own),
        ("GET", "/api/log/self/search", lists.search_own),
        *(("GET", path, token.key_rows) for path in _TOKEN_PATHS),
    ):
        app.router.add_route(method, path, handler)
    return app
