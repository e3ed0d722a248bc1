"""`/api/prices/drafts`: proposing prices, seeing what they change, publishing them. For admins."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

import asyncpg
from aiohttp import web
from pydantic import Field

from services.billing.api.prices import GroupRatioBody
from services.billing.api.requests import Body, Named, RowId, path_name
from services.billing.audit import Admin
from services.billing.prices.diffing import Difference
from services.billing.prices.drafts import (
    MAX_MODELS,
    Proposal,
    compare,
    from_genai,
    make_draft,
    publish,
    put_price,
    throw_away,
)
from services.billing.prices.genai_source import provider_ids
from services.billing.prices.price_body import (
    EffectiveFrom,
    PricedModel,
    PriceFields,
    Word,
    can_be_called,
)
from services.billing.prices.price_book import UNSET
from services.billing.prices.store_drafts import Draft, list_drafts, read_draft
from shared.events.numbers import MAX_ID
from shared.events.prices import GroupRatio
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now

_MAX_PROVIDERS: Final = 100
_MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Of a new draft: MAX_MODELS prices with all that a price can say."""


class DraftBody(Body):
    """A new draft. From `genai-prices`: of which providers, and of which of their models."""

    name: Named
    source: Literal["genai-prices", "file", "empty"]
    providers: Annotated[list[Word], Field(max_length=_MAX_PROVIDERS)] | None = None
    models: Annotated[list[Named], Field(max_length=MAX_MODELS)] | None = None
    prices: Annotated[dict[PricedModel, PriceFields], Field(max_length=MAX_MODELS)] = Field(
        default_factory=dict
    )
    group_ratios: Annotated[dict[Named, GroupRatioBody], Field(max_length=1_000)] = Field(
        default_factory=dict
    )


class DraftListQuery(Body):
    """Which page: those older than `before`."""

    before: RowId = MAX_ID
    page_size: Annotated[int, Field(ge=1, le=100)] = 20


class DiffQuery(Body):
    """As of when; null: now."""

    effective_from: EffectiveFrom | None = None


class PublishBody(Body):
    """From when it shall hold (null: from now on), and what the draft was compared with."""

    expected_book_version: Annotated[str, Field(min_length=1, max_length=100)]
    effective_from: EffectiveFrom | None = None


class DraftsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def list(self, request: web.Request) -> web.Response:
        """The newest first."""
        admin_of(request)
        asked = read_query(request, DraftListQuery)
        rows = await list_drafts(self._pool, before=asked.before, limit=asked.page_size)
        is_more = len(rows) == asked.page_size
        return succeed(
            {
                "items": [
                    dict(row) | _times(row["created_at"], row["published_at"]) for row in rows
                ],
                "next_before": rows[-1]["draft_id"] if is_more else None,
            }
        )

    async def make(self, request: web.Request) -> web.Response:
        """A new draft."""
        admin = Admin.of(request)
        body = await read_body(request.clone(client_max_size=_MAX_BODY_BYTES), DraftBody)
        work = partial(make_draft, admin=admin, proposal=_proposal(body))
        draft_id = await in_transaction(self._pool, work)
        return succeed(_shown(await self._draft(draft_id)))

    async def read(self, request: web.Request) -> web.Response:
        """All of a draft."""
        admin_of(request)
        return succeed(_shown(await self._draft(_draft_id(request))))

    async def set_price(self, request: web.Request) -> web.Response:
        """Propose a price for one model."""
        admin = Admin.of(request)
        return await self._put(request, admin, await read_body(request, PriceFields))

    async def remove_price(self, request: web.Request) -> web.Response:
        """Propose nothing for one model."""
        return await self._put(request, Admin.of(request), None)

    async def remove(self, request: web.Request) -> web.Response:
        """Throw a draft away."""
        admin = Admin.of(request)
        work = partial(throw_away, admin=admin, draft_id=_draft_id(request))
        await in_transaction(self._pool, work)
        return succeed()

    async def diff(self, request: web.Request) -> web.Response:
        """What publishing it would change."""
        admin_of(request)
        asked = read_query(request, DiffQuery)
        draft = await self._draft(_draft_id(request))
        compared = await compare(self._pool, draft, asked.effective_from)
        return succeed(
            {
                **_difference(compared.prices, "model"),
                "group_ratios": _difference(compared.group_ratios, "group"),
                "warnings": draft.warnings,
                "book_version": compared.book_version,
            }
        )

    async def publish(self, request: web.Request) -> web.Response:
        """Put it into the book, all or nothing."""
        admin, body = Admin.of(request), await read_body(request, PublishBody)
        draft_id = _draft_id(request)
        work = partial(
            publish,
            admin=admin,
            draft_id=draft_id,
            effective_from=body.effective_from,
            expected_book_version=body.expected_book_version,
        )
        return succeed({"draft_id": draft_id, "versions": await in_transaction(self._pool, work)})

    async def _draft(self, draft_id: int) -> Draft:
        draft = await read_draft(self._pool, draft_id)
        if draft is None:
            raise EnvelopeError("there is no such draft")
        return draft

    async def _put(
        self, request: web.Request, admin: Admin, price: PriceFields | None
    ) -> web.Response:
        draft_id, model = _draft_id(request), path_name(request)
        if price is not None:
            _check_name(model)
        work = partial(put_price, admin=admin, draft_id=draft_id, model=model, price=price)
        await in_transaction(self._pool, work)
        return succeed(_shown(await self._draft(draft_id)))


def _proposal(body: DraftBody) -> Proposal:
    ratios = {
        group: GroupRatio(
            version=0,
            effective_from=UNSET,
            ratio=told.ratio,
            user_group_ratios=told.user_group_ratios,
        )
        for group, told in body.group_ratios.items()
    }
    if body.source == "file" and not (body.prices or body.group_ratios):
        raise EnvelopeError("prices or group_ratios are needed")
    if body.source != "genai-prices":
        return Proposal(body.name, body.source, body.prices, ratios)
    known = provider_ids()
    if not body.providers or set(body.providers) - set(known):
        raise EnvelopeError(f"providers must be some of: {', '.join(known)}")
    proposal = from_genai(body.name, body.providers, body.models, utc_now())
    return proposal._replace(prices={**proposal.prices, **body.prices}, group_ratios=ratios)


def _check_name(model: str) -> None:
    try:
        can_be_called(model)
    except ValueError as error:
        raise EnvelopeError(str(error)) from None


def _draft_id(request: web.Request) -> int:
    return min(int(request.match_info["draft_id"]), MAX_ID)


def _difference(difference: Difference, what: str) -> dict[str, Any]:
    return {
        "added": difference.added,
        "changed": [{what: name, "fields": fields} for name, fields in difference.changed.items()],
        "unchanged": len(difference.unchanged),
        "not_in_draft": difference.not_in_draft,
    }


def _shown(draft: Draft) -> dict[str, Any]:
    return {
        "draft_id": draft.draft_id,
        "name": draft.name,
        "source": draft.source,
        "models": len(draft.prices),
        "prices": {model: price.model_dump(mode="json") for model, price in draft.prices.items()},
        "group_ratios": {
            group: ratio.model_dump(mode="json", include={"ratio", "user_group_ratios"})
            for group, ratio in draft.group_ratios.items()
        },
        "warnings": draft.warnings,
        "created_by": draft.created_by,
        **_times(draft.created_at, draft.published_at),
        "published_versions": draft.published_versions,
    }


def _times(created_at: datetime, published_at: datetime | None) -> dict[str, Any]:
    return {
        "created_at": int(created_at.timestamp()),
        "published_at": None if published_at is None else int(published_at.timestamp()),
    }
