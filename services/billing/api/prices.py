"""`/api/prices/*`, for admins, and `/api/pricing`, for everybody who is signed in."""

from decimal import Decimal
from functools import partial
from typing import Any, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, Field

from services.billing.api.requests import Body, path_name
from services.billing.audit import Admin
from services.billing.prices.price_book import UNSET, remove_price, set_group_ratio, set_price
from services.billing.prices.price_versions import coming, current
from services.billing.prices.store_prices import read_group_ratios, read_prices
from shared.events.numbers import Ratio, Time, Tokens
from shared.events.prices import GroupRatio, ModelPrice
from shared.events.text import Name
from shared.http.callers import admin_of, user_of
from shared.http.envelope import EnvelopeError, read_body, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_ONE: Final = Decimal(1)
_DOLLARS_A_MILLION: Final = 2
"""What a model_ratio of 1 costs."""


class PriceBody(Body):
    """A version of a model's price."""

    model_ratio: Ratio
    completion_ratio: Ratio = _ONE
    cache_ratio: Ratio = _ONE
    cache_creation_ratio: Ratio = _ONE
    cache_creation_1h_ratio: Ratio | None = None
    image_ratio: Ratio = _ONE
    audio_ratio: Ratio = _ONE
    model_price: Ratio | None = None
    max_output_tokens: Tokens | None = None
    effective_from: Time | None = None


class GroupRatioBody(Body):
    """A version of a group's ratio."""

    ratio: Ratio
    user_group_ratios: dict[Name, Ratio] = Field(default_factory=dict, max_length=100)
    effective_from: Time | None = None


class PricesApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The whole book: what holds and what is to come."""
        admin_of(request)
        now = utc_now()
        return succeed(
            [
                {
                    "model": model,
                    "current": _shown(current(versions, now)),
                    "coming": [_shown(v) for v in coming(versions, now)],
                }
                for model, versions in (await read_prices(self._pool)).items()
            ]
        )

    async def set(self, request: web.Request) -> web.Response:
        """A new version of a model's price."""
        admin = Admin.of(request)
        body = await read_body(request, PriceBody)
        fields = body.model_dump() | {"effective_from": body.effective_from or UNSET}
        price = ModelPrice(version=0, **fields)
        work = partial(set_price, admin=admin, model=path_name(request), price=price)
        return succeed(_shown(await in_transaction(self._pool, work)))

    async def remove(self, request: web.Request) -> web.Response:
        """Leave a model without a price."""
        admin = Admin.of(request)
        work = partial(remove_price, admin=admin, model=path_name(request))
        await in_transaction(self._pool, work)
        return succeed()

    async def read_group(self, request: web.Request) -> web.Response:
        """A group's ratio."""
        admin_of(request)
        group = path_name(request)
        versions = (await read_group_ratios(self._pool, [group])).get(group)
        if versions is None:
            raise EnvelopeError("the group has no ratio")
        now = utc_now()
        return succeed(
            {
                "group": group,
                "current": _shown(current(versions, now)),
                "coming": [_shown(v) for v in coming(versions, now)],
            }
        )

    async def set_group(self, request: web.Request) -> web.Response:
        """A new version of a group's ratio."""
        admin = Admin.of(request)
        body = await read_body(request, GroupRatioBody)
        fields = body.model_dump() | {"effective_from": body.effective_from or UNSET}
        ratio = GroupRatio(version=0, **fields)
        work = partial(set_group_ratio, admin=admin, group=path_name(request), ratio=ratio)
        return succeed(_shown(await in_transaction(self._pool, work)))

    async def pricing(self, request: web.Request) -> web.Response:
        """What holds now, for people: before the ratio of their group."""
        user_of(request)
        now = utc_now()
        listed = [
            _priced(model, price)
            for model, versions in (await read_prices(self._pool)).items()
            if (price := current(versions, now)) is not None
        ]
        groups = {
            group: float(ratio.ratio)
            for group, versions in (await read_group_ratios(self._pool)).items()
            if (ratio := current(versions, now)) is not None
        }
        return succeed({"models": listed, "group_ratios": groups})


def _shown(version: BaseModel | None) -> dict[str, Any] | None:
    """Ratios as strings, exact."""
    return None if version is None else version.model_dump(mode="json")


def _priced(model: str, price: ModelPrice) -> dict[str, Any]:
    input_dollars = price.model_ratio * _DOLLARS_A_MILLION
    is_per_call = price.model_price is not None
    for_an_hour = price.cache_creation_1h_ratio
    if for_an_hour is None:
        for_an_hour = price.cache_creation_ratio
    return {
        "model": model,
        "model_ratio": float(price.model_ratio),
        "completion_ratio": float(price.completion_ratio),
        "cache_ratio": float(price.cache_ratio),
        "cache_creation_ratio": float(price.cache_creation_ratio),
        "cache_creation_1h_ratio": float(for_an_hour),
        "model_price": float(price.model_price) if price.model_price is not None else None,
        "input_dollars_per_million": None if is_per_call else float(input_dollars),
        "cached_dollars_per_million": (
            None if is_per_call else float(input_dollars * price.cache_ratio)
        ),
        "output_dollars_per_million": (
            None if is_per_call else float(input_dollars * price.completion_ratio)
        ),
    }
