"""Which models a key is shown, in the list and one by one: those that it may use."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from services.relay.api.models import MODEL_PATH, list_models, retrieve_model
from services.relay.books.prices import PriceBook
from services.relay.callers.caller import ApiCaller
from services.relay.dialects.dialect import Dialect
from services.relay.exchange import Arrival
from services.relay.relaying import Relaying
from shared.events.prices import ModelPrice, PriceChanged
from shared.events.routing import ModelChanged, Status
from tests.unit.relay.made import GROUP, arrival, caller, routing
from tests.unit.relay.served_routes import served_routes

MODELS = ("plain", "org/one", "ü b", "unpriced", "of-another-group", "disabled", "%2F")
FREE = Decimal(0)
PRICE = ModelPrice(
    version=1,
    effective_from=datetime(2020, 1, 1, tzinfo=UTC),
    model_ratio=FREE,
    completion_ratio=FREE,
    cache_ratio=FREE,
    cache_creation_ratio=FREE,
    image_ratio=FREE,
    audio_ratio=FREE,
)


class Door:
    """A Relaying that knows one key."""

    def __init__(self) -> None:
        self.caller = caller()

    def arrive(self, _request: web.Request, *, path: str) -> Arrival:
        return arrival(path=path)

    async def identify(self, _request: web.Request, _arrival: Arrival, _by: Dialect) -> ApiCaller:
        return self.caller


@pytest.fixture
async def door() -> Door:
    return Door()


@pytest.fixture
async def url(door: Door) -> AsyncIterator[str]:
    book, prices = routing(), PriceBook()
    for name in MODELS:
        book.put_model(
            ModelChanged(
                name=name,
                groups=("other",) if name == "of-another-group" else (GROUP,),
                status=Status.DISABLED if name == "disabled" else Status.ENABLED,
                max_output_tokens=1,
            )
        )
        if name != "unpriced":
            prices.put_model(PriceChanged(model=name, versions=(PRICE,)))
    relaying = cast("Relaying", door)
    routes = [
        web.get("/v1/models", list_models(relaying, book, prices)),
        web.get(MODEL_PATH, retrieve_model(relaying, book, prices)),
    ]
    async with served_routes(routes) as port:
        yield f"http://127.0.0.1:{port}/v1/models"


async def get(url: str) -> tuple[int, dict[str, Any]]:
    # As it is written: the client would else make one spelling of both.
    target = URL(url, encoded=True)
    async with aiohttp.ClientSession() as http, http.get(target) as response:
        return response.status, await response.json()


async def test_the_list_has_what_may_be_used_and_has_a_price(url: str) -> None:
    status, found = await get(url)
    assert status == 200
    assert [model["id"] for model in found["data"]] == ["%2F", "org/one", "plain", "ü b"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("plain", "plain"),
        ("org/one", "org/one"),
        ("org%2Fone", "org/one"),
        ("org%2fone", "org/one"),
        ("%C3%BC%20b", "ü b"),
        ("%252F", "%2F"),
        ("plain?x=1", "plain"),
    ],
)
async def test_one_is_found_however_its_slashes_are_written(url: str, path: str, name: str) -> None:
    status, found = await get(f"{url}/{path}")
    assert (status, found["id"], found["object"]) == (200, name, "model")


@pytest.mark.parametrize(
    "path", ["no-such", "unpriced", "of-another-group", "disabled", "org", "org/one/more", "plain/"]
)
async def test_what_may_not_be_used_is_not_there(url: str, path: str) -> None:
    status, found = await get(f"{url}/{path}")
    assert (status, found["error"]["code"]) == (404, "model_not_found")


async def test_a_keys_limits_hold_for_the_list_and_for_one(door: Door, url: str) -> None:
    door.caller = caller(key={"model_limits": ("plain", "unpriced")})
    _, found = await get(url)
    assert [model["id"] for model in found["data"]] == ["plain"]
    assert (await get(f"{url}/plain"))[0] == 200
    assert (await get(f"{url}/org/one"))[0] == 404


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "a//b", "a%5cb", "a%00"])
async def test_a_name_that_is_no_path_is_refused(url: str, path: str) -> None:
    assert (await get(f"{url}/{path}"))[0] in {400, 404}
