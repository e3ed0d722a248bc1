"""The OpenAPI document is valid, is the committed one, and has every public route and no other."""

import re
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from operations.openapi.__main__ import document, files
from operations.openapi.tables import TABLES
from services.billing import routes as billing
from services.control import routes as control
from services.logging import routes as logging
from services.relay.dialects.calls import CALLS, MODELS_PATH
from services.relay.routes import Surface, relay_routes

_DOCUMENT = document()
_PATTERN = re.compile(r"\{([a-z_]+):[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
Call = tuple[str, str]


def _calls(routes: list[web.RouteDef]) -> set[Call]:
    """Methods and paths as OpenAPI writes them."""
    return {(route.method, _PATTERN.sub(r"{\1}", route.path)) for route in routes}


def _described(*tags: str) -> set[Call]:
    return {(call.method, call.path) for tag in tags for call in TABLES[tag]}


def _bare(calls: set[Call]) -> set[Call]:
    """Without the slash that tools write or leave out: both are served."""
    return {(method, path.rstrip("/")) for method, path in calls}


def _made(apis: type[Any]) -> Any:
    return apis(*(Mock() for _ in apis._fields))


def test_it_is_valid() -> None:
    validate(_DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_the_committed_files_are_made_from_it() -> None:
    for path, text in files().items():
        assert path.read_text(encoding="utf-8") == text, "run `python -P -m operations.openapi`"


@pytest.mark.parametrize(
    ("routes", "tags"),
    [
        (billing.api_routes(_made(billing.Apis)), ("billing",)),
        (logging.api_routes(_made(logging.Apis)), ("log", "requests", "transparency", "usage")),
        (control.api_routes(_made(control.Apis)), ("people", "keys", "channels", "models")),
    ],
    ids=["billing", "logging", "control"],
)
def test_a_service_s_routes_are_described_and_no_others(
    routes: list[web.RouteDef], tags: tuple[str, ...]
) -> None:
    described, served = _bare(_described(*tags)), _bare(_calls(routes))
    assert described - served == set(), "described, and not served"
    assert served - described == set(), "served, and not described"


def test_the_relay_s_own_routes_are_described() -> None:
    surface = Surface(
        calls=[(call, Mock()) for call in CALLS],
        models=Mock(),
        model=Mock(),
        status=Mock(),
        door=Mock(),
        documentation=(Mock(), Mock()),
    )
    served = {call for call in _calls(relay_routes(surface)) if call[0] != "*"}
    relayed = {("POST", call.path) for call in CALLS}
    models = {("GET", MODELS_PATH), ("GET", MODELS_PATH + "/{id}")}
    own = {("GET", "/api/status"), ("GET", "/openapi.json"), ("GET", "/docs")}
    assert served == relayed | models | own
    there = {
        (method.upper(), path) for path, methods in _DOCUMENT["paths"].items() for method in methods
    }
    assert relayed | models | {("GET", "/api/status")} <= there


def test_each_call_says_who_may_make_it_and_what_it_answers() -> None:
    for path, methods in _DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert "security" in operation, (method, path)
            assert "200" in operation["responses"], (method, path)


def test_ids_of_operations_are_unique() -> None:
    ids = [
        operation["operationId"]
        for methods in _DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(ids)) == len(ids)
