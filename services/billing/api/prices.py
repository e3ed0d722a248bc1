"""`/api/prices/*`, for admins, and `/api/pricing`, for everybody who is signed in."""

import asyncio
from functools import partial
from typing import Any, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, Field

from services.billing.api.requests import Body, path_name
from services.billing.audit import Admin
from services.billing.directory import Directory
from services.billing.prices.offered import GroupTerms, offered
from services.billing.prices.price_body import EffectiveFrom, PriceBody
from services.billing.prices.price_book import UNSET, remove_price, set_group_ratio, set_price
from services.billing.prices.price_versions import coming, current
from services.billing.prices.store_prices import read_group_ratios, read_prices
from shared.events.numbers import Ratio
from shared.events.prices import GroupRatio
from shared.events.text import Name
from shared.http.callers import admin_of, user_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_PIECE: Final = 50
"""Models that are shown without letting others on the loop: some milliseconds."""


class GroupRatioBody(Body):
    """A version of a group's ratio."""

    ratio: Ratio
    user_group_ratios: dict[Name, Ratio] = Field(default_factory=dict, max_length=100)
    effective_from: EffectiveFrom | None = None


class PricingQuery(Body):
    """In which group; null: the caller's own."""

    group: Name | None = None


class PricesApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory

    async def list(self, request: web.Request) -> web.Response:
        """The whole book: what holds and what is to come."""
        admin_of(request)
        now = utc_now()
        book = await read_prices(self._pool, since=now)
        return succeed(
            [
                {
                    "model": model,
                    "current": _shown(current(versions, now)),
                    "coming": [_shown(v) for v in coming(versions, now)],
                }
                for model, versions in book.items()
            ]
        )

    async def set(self, request: web.Request) -> web.Response:
        """A new version of a model's price."""
        admin = Admin.of(request)
        body = await read_body(request, PriceBody)
        price = body.as_price(body.effective_from or UNSET)
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
        """What holds now and what the caller would pay, in their own group or in `?group=`."""
        caller, asked, now = user_of(request), read_query(request, PricingQuery), utc_now()
        user_group = self._directory.user_group(caller.user_id)
        ratios = await read_group_ratios(self._pool)
        group = asked.group or user_group
        if asked.group is not None and current(ratios.get(asked.group, []), now) is None:
            raise EnvelopeError("the group has no ratio")
        terms = GroupTerms(group or "", user_group or "", ratios.get(group or "", []))
        listed = []
        book = await read_prices(self._pool, since=now)
        for number, (model, versions) in enumerate(book.items(), 1):
            if not number % _PIECE:
                await asyncio.sleep(0)
            if (shown := offered(model, versions, terms, now)) is not None:
                listed.append(shown)
        in_force = {
            name: float(ratio.ratio)
            for name, versions in ratios.items()
            if (ratio := current(versions, now)) is not None
        }
        return succeed({"models": listed, "group_ratios": in_force})


def _shown(version: BaseModel | None) -> dict[str, Any] | None:
    """Ratios as strings, exact."""
    return None if version is None else version.model_dump(mode="json")
