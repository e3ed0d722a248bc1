"""The second port of a service: `/health/*`, `/metrics` and, with a credential, `/internal/*`."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http.envelope import EnvelopeError, Handler, envelope_errors
from shared.telemetry.metrics import exposition

Waiting = Callable[[], str | None]
"""Null when ready, else what it waits for, in a few words."""
_CALLER_SERVICE: Final = web.RequestKey("caller_service", str)


class Readiness:
    """What must be there before a service takes work. Each check has a name."""

    def __init__(self) -> None:
        self._checks: dict[str, Waiting] = {}
        self._notes: dict[str, Waiting] = {}

    def add(self, name: str, waiting: Waiting) -> None:
        """`waiting` is called at each request for readiness: it must be quick and not block."""
        self._checks[name] = waiting

    def note(self, name: str, telling: Waiting) -> None:
        """What is good to know and no reason to wait; null: nothing. Called as often as checks."""
        self._notes[name] = telling

    def notes(self) -> dict[str, str]:
        """Name to what there is to know."""
        told = ((name, telling()) for name, telling in self._notes.items())
        return {name: note for name, note in told if note is not None}

    def waits_for(self) -> dict[str, str]:
        """Name to what is missing; empty when ready."""
        told = ((name, waiting()) for name, waiting in self._checks.items())
        return {name: missing for name, missing in told if missing is not None}


def internal_app(
    *,
    registry: CollectorRegistry,
    readiness: Readiness,
    callers: Mapping[str, str],
    routes: web.RouteTableDef | list[web.RouteDef] | None = None,
) -> web.Application:
    """`callers` maps each caller's name to the SHA-256, in hex, of its secret."""
    app = web.Application(
        middlewares=[envelope_errors, _credentials(callers)], client_max_size=16 * 1024 * 1024
    )

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_request: web.Request) -> web.Response:
        missing = readiness.waits_for()
        told = {"status": "waiting" if missing else "ready", "waits_for": missing}
        if notes := readiness.notes():
            told["notes"] = notes
        body = orjson.dumps(told)
        status = 503 if missing else 200
        return web.Response(body=body, status=status, content_type="application/json")

    async def metrics(_request: web.Request) -> web.Response:
        body, content_type = exposition(registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", metrics)
    if routes is not None:
        app.router.add_routes(routes)
    return app


def calling_service(request: web.Request) -> str:
    """The service that showed its credential; only for handlers of `/internal/*`."""
    return request[_CALLER_SERVICE]


def _credentials(callers: Mapping[str, str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/internal/"):
            scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
            name, _, secret = credential.partition(":")
            shown = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
            known = callers.get(name, "")
            if scheme != "Bearer" or not hmac.compare_digest(shown, known):
                raise EnvelopeError("a service credential is needed", http_status=401)
            request[_CALLER_SERVICE] = name
        return await handler(request)

    return check
