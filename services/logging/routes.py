"""The HTTP surface of `logging`."""

from typing import Final, NamedTuple

from aiohttp import web

from services.logging.api.clean_ups import CleanUpsApi
from services.logging.api.exports import ExportApi
from services.logging.api.history import HistoryApi
from services.logging.api.lists import ListApi
from services.logging.api.live import LiveApi
from services.logging.api.requests import RequestApi
from services.logging.api.retention import RetentionApi
from services.logging.api.rollups import RollupsApi
from services.logging.api.stats import StatsApi
from services.logging.api.token import TokenApi
from services.logging.api.transparency import DOCUMENT_PATH, PAGE_PATH, TransparencyApi
from services.logging.api.usage import UsageApi
from services.logging.live.tail import LiveTail
from shared.http.callers import VerifierSource, authenticated
from shared.http.cross_origin import cross_origin
from shared.http.envelope import envelope_errors

_TOKEN_PATHS: Final = ("/api/log/token", "/api/log/token/")
_PERIOD: Final = "/api/log/retention/{workspace_id:[0-9]{1,19}}"


class RequestApis(NamedTuple):
    """The handlers, and what runs in the background for them."""

    requests: RequestApi
    exports: ExportApi
    live: LiveApi
    tail: LiveTail


class Apis(NamedTuple):
    """The handlers of each area."""

    lists: ListApi
    stats: StatsApi
    history: HistoryApi
    clean_ups: CleanUpsApi
    retention: RetentionApi
    token: TokenApi
    transparency: TransparencyApi
    requests: RequestApis
    usage: UsageApi
    rollups: RollupsApi


def api_routes(apis: Apis) -> list[web.RouteDef]:
    """`/api/log/*`, `/api/requests/*`, `/api/usage/*` and `/transparency/schema.json`."""
    lists, clean_ups, retention = apis.lists, apis.clean_ups, apis.retention
    usage, rollups = apis.usage, apis.rollups
    table = (
        ("GET", "/api/log/", lists.all_rows),
        ("GET", "/api/log/stat", apis.stats.of_all),
        ("GET", "/api/log/search", lists.search_all),
        ("DELETE", "/api/log/", clean_ups.delete),
        ("GET", "/api/log/clean-ups", clean_ups.list),
        ("GET", "/api/log/clean-ups/{id:[0-9]{1,19}}", clean_ups.read),
        ("GET", "/api/log/retention", retention.list),
        ("GET", _PERIOD, retention.read),
        ("PUT", _PERIOD, retention.put),
        ("DELETE", _PERIOD, retention.delete),
        ("GET", "/api/log/explain/{request_id}", apis.history.explain),
        ("GET", "/api/log/self", lists.own_rows),
        ("GET", "/api/log/self/stat", apis.stats.of_own),
        ("GET", "/api/log/self/search", lists.search_own),
        *(("GET", path, apis.token.key_rows) for path in _TOKEN_PATHS),
        ("GET", DOCUMENT_PATH, apis.transparency.document),
        ("GET", "/api/usage/series", usage.series),
        ("GET", "/api/usage/latency", usage.latency),
        ("GET", "/api/usage/top", usage.top),
        ("GET", "/api/usage/summary", usage.summary),
        ("GET", "/api/usage/hourly", rollups.hourly),
        ("GET", "/api/usage/daily", rollups.daily),
        ("GET", "/api/requests", apis.requests.requests.list),
        ("GET", "/api/requests/export", apis.requests.exports.export),
        ("GET", "/api/requests/stream", apis.requests.live.stream),
        ("GET", "/api/requests/{request_id}", apis.requests.requests.one),
    )
    return [web.route(method, path, handler) for method, path, handler in table]


def page_routes(transparency: TransparencyApi) -> list[web.RouteDef]:
    """What people look at; no call, and so in no table of calls."""
    return [web.get(path, transparency.page) for path in (PAGE_PATH, PAGE_PATH + "/")]


def public_app(apis: Apis, *, keys: VerifierSource) -> web.Application:
    """The port that the relay forwards to."""
    app = web.Application(
        middlewares=[cross_origin(_TOKEN_PATHS), envelope_errors, authenticated(keys)]
    )
    app.router.add_routes(api_routes(apis))
    app.on_shutdown.append(apis.requests.live.end)
    app.router.add_routes(page_routes(apis.transparency))
    return app
