"""What the documentation says of the calls about drafts of prices."""

from typing import Final

from services.billing.api.drafts import DiffQuery, DraftBody, DraftListQuery, PublishBody
from services.billing.prices import shapes
from services.billing.prices.price_body import PriceFields
from shared.http.described import Described, Who

_MODEL: Final = ("name", r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,127}$")

DRAFT_CALLS: Final = (
    Described(
        method="GET",
        path="/api/prices/drafts",
        summary="Proposals of prices, the newest first",
        who=Who.ADMIN,
        query=DraftListQuery,
        data=shapes.DraftList,
    ),
    Described(
        method="POST",
        path="/api/prices/drafts",
        summary="Propose prices: from genai-prices, from a file, or none yet",
        who=Who.ADMIN,
        body=DraftBody,
        data=shapes.DraftShown,
    ),
    Described(
        method="GET",
        path="/api/prices/drafts/{draft_id}",
        summary="All of a draft",
        who=Who.ADMIN,
        data=shapes.DraftShown,
    ),
    Described(
        method="DELETE",
        path="/api/prices/drafts/{draft_id}",
        summary="Throw a draft away",
        who=Who.ADMIN,
    ),
    Described(
        method="GET",
        path="/api/prices/drafts/{draft_id}/diff",
        summary="What publishing a draft would change",
        who=Who.ADMIN,
        query=DiffQuery,
        data=shapes.DraftDiff,
    ),
    Described(
        method="POST",
        path="/api/prices/drafts/{draft_id}/publish",
        summary="Put a draft into the price book, all of it or nothing",
        who=Who.ADMIN,
        body=PublishBody,
        data=shapes.DraftPublished,
        statuses=("409",),
    ),
    Described(
        method="PUT",
        path="/api/prices/drafts/{draft_id}/models/{name}",
        summary="Propose a price for one model of a draft",
        who=Who.ADMIN,
        body=PriceFields,
        data=shapes.DraftShown,
        path_types=(_MODEL,),
    ),
    Described(
        method="DELETE",
        path="/api/prices/drafts/{draft_id}/models/{name}",
        summary="Take a model out of a draft",
        who=Who.ADMIN,
        data=shapes.DraftShown,
        path_types=(_MODEL,),
    ),
)
