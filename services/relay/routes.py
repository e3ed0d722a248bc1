"""The relay's HTTP surface: the only public door."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from aiohttp import web

from services.relay.api.dashboard import DASHBOARD, dashboard
from services.relay.api.documentation import DOCUMENT_PATH, PAGE_PATH
from services.relay.api.door import Door, Owner
from services.relay.api.models import MODEL_PATH
from services.relay.dialects.calls import MODELS_PATH
from services.relay.dialects.dialect import Call
from services.relay.settings import RelaySettings
from shared.http.envelope import envelope_errors

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
# A dot alone takes no line break, and the call would be refused in another dialect.
_REST: Final = "{rest:(?s:.*)}"
_CONTROL: Final = (
    "user",
    "token",
    "channel",
    "provider",
    "models",
    "group",
    "workspace",
    "project",
)
_BILLING: Final = ("prices", "pricing", "billing", "data")
_LOGGING: Final = ("log", "requests", "usage")
_TRANSPARENCY: Final = "/transparency"
"""What is stored of customers: for everyone, and below no `/api`, as such documents are."""


class Surface(NamedTuple):
    """The handlers."""

    calls: Sequence[tuple[Call, _Handler]]
    models: _Handler
    model: _Handler
    status: _Handler
    door: Door
    documentation: tuple[_Handler, _Handler]
    """Of the document and of the page."""


def relay_routes(surface: Surface) -> list[web.RouteDef]:
    """`/v1/*` and `/api/*`. Everything else is 404; `/internal/*` is on another port."""

    async def api(request: web.BaseRequest) -> web.StreamResponse:
        # `/api` speaks the envelope, whatever the dialect of `/v1`.
        return await envelope_errors(request, surface.door.handle)

    async def status_is_read(request: web.BaseRequest) -> web.StreamResponse:
        # Without this, `/api/*` would look for an owner and tell 404.
        return await envelope_errors(request, _read_only)

    return [
        *(web.post(call.path, handler) for call, handler in surface.calls),
        web.get(MODELS_PATH, surface.models),
        web.get(MODEL_PATH, surface.model),
        web.get("/api/status", surface.status),
        web.route("*", "/api/status", status_is_read),
        web.get(DOCUMENT_PATH, surface.documentation[0]),
        web.get(PAGE_PATH, surface.documentation[1]),
        web.route("*", "/api", api),
        web.route("*", f"/api/{_REST}", api),
        web.route("*", _TRANSPARENCY, api),
        web.route("*", f"{_TRANSPARENCY}/{_REST}", api),
        *(web.route("*", f"{prefix}/{_REST}", dashboard(surface.door)) for prefix in DASHBOARD),
    ]


async def _read_only(request: web.BaseRequest) -> web.StreamResponse:
    raise web.HTTPMethodNotAllowed(request.method, ("GET", "HEAD"))


def owners(settings: RelaySettings) -> Mapping[str, Owner]:
    """Which service owns which prefix."""
    billing = Owner("billing", settings.billing_api_url)
    logging = Owner("logging", settings.logging_api_url)
    by_service = {
        Owner("control", settings.control_api_url): _CONTROL,
        billing: _BILLING,
        logging: _LOGGING,
    }
    owned = {f"/api/{name}": owner for owner, names in by_service.items() for name in names}
    owned[_TRANSPARENCY] = logging
    return owned | dict.fromkeys(("/api/usage/token", *DASHBOARD), billing)
