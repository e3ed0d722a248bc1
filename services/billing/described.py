"""What the documentation says of billing's calls."""

from typing import Final

from services.billing import shapes
from services.billing.api.accounts import AccountQuery, TopUpBody
from services.billing.api.described_budgets import BUDGETS
from services.billing.api.described_charges import ExplainedCharge
from services.billing.api.described_moves import MOVES
from services.billing.api.described_what_if import WHAT_IF
from services.billing.api.grants import CALLS as GRANTS
from services.billing.api.hours import HoursQuery
from services.billing.api.leases import LeaseListQuery, ReleaseBody
from services.billing.api.ledger import LedgerFilterQuery, LedgerQuery
from services.billing.api.prices import GroupRatioBody, PricingQuery
from services.billing.api.tools import SUBSCRIPTION_PATHS, TOKEN_USAGE_PATHS, USAGE_PATHS
from services.billing.described_drafts import DRAFT_CALLS
from services.billing.prices.price_body import PriceBody
from services.billing.prices.shapes import Pricing
from shared.events.prices import GroupRatio, ModelPrice
from shared.http.described import Answer, Described, Who

_NAME: Final = (("name", r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,127}$"),)
_ID: Final = r"^[A-Za-z0-9_.:-]{1,64}$"

CALLS: Final = (
    Described(
        method="GET",
        path="/api/billing/account",
        summary="One's balance, and what is held of it",
        who=Who.USER,
        query=AccountQuery,
        data=shapes.Account,
    ),
    Described(
        method="GET",
        path="/api/billing/ledger",
        summary="One's ledger, the newest entry first",
        who=Who.USER,
        query=LedgerQuery,
        data=shapes.LedgerPage,
    ),
    Described(
        method="GET",
        path="/api/billing/ledger/export",
        summary="One's ledger as CSV, the oldest entry first",
        who=Who.USER,
        query=LedgerFilterQuery,
        answer=Answer.CSV,
    ),
    Described(
        method="POST",
        path="/api/billing/topups",
        summary="Add to a balance, once for each idempotency key",
        who=Who.ADMIN,
        body=TopUpBody,
        data=shapes.ToppedUp,
    ),
    *MOVES,
    *WHAT_IF,
    *BUDGETS,
    *GRANTS,
    Described(
        method="GET",
        path="/api/billing/charges/{request_id}",
        summary="What a request was charged, and why: inputs, ratios and the sum",
        who=Who.USER,
        data=ExplainedCharge,
        path_types=(("request_id", _ID),),
    ),
    Described(
        method="GET",
        path="/api/billing/leases",
        summary="What relays hold of one's balance, keys and budgets, and since when",
        who=Who.USER,
        query=LeaseListQuery,
        data=shapes.Leases,
    ),
    Described(
        method="POST",
        path="/api/billing/leases/{lease_id}/release",
        summary="Take back by force what a lease holds",
        who=Who.ADMIN,
        body=ReleaseBody,
        data=shapes.Released,
        path_types=(("lease_id", _ID),),
    ),
    Described(
        method="GET",
        path="/api/prices/",
        summary="The price book: what holds, and what is to come",
        who=Who.ADMIN,
        data=list[shapes.PriceInBook],
    ),
    Described(
        method="PUT",
        path="/api/prices/{name}",
        summary="Set a model's price, from now or from a time on",
        who=Who.ADMIN,
        body=PriceBody,
        data=ModelPrice,
        path_types=_NAME,
    ),
    Described(
        method="DELETE",
        path="/api/prices/{name}",
        summary="Leave a model without a price: it is then refused",
        who=Who.ADMIN,
        path_types=_NAME,
    ),
    Described(
        method="GET",
        path="/api/prices/groups/{name}",
        summary="A group's ratio",
        who=Who.ADMIN,
        data=shapes.GroupRatioInBook,
        path_types=_NAME,
    ),
    Described(
        method="PUT",
        path="/api/prices/groups/{name}",
        summary="Set a group's ratio",
        who=Who.ADMIN,
        body=GroupRatioBody,
        data=GroupRatio,
        path_types=_NAME,
    ),
    *DRAFT_CALLS,
    Described(
        method="GET",
        path="/api/pricing",
        summary="What each model costs, and what the caller would pay",
        who=Who.USER,
        query=PricingQuery,
        data=Pricing,
    ),
    Described(
        method="GET",
        path="/api/data/",
        summary="Use by model and hour, of all or of one user",
        who=Who.ADMIN,
        query=HoursQuery,
        data=list[shapes.HourOfUse],
    ),
    Described(
        method="GET",
        path="/api/data/self",
        summary="One's own use by model and hour, over 30 days at the most",
        who=Who.USER,
        query=HoursQuery,
        data=list[shapes.HourOfUse],
    ),
    *(
        Described(
            method="GET",
            path=path,
            summary="What may be spent in all, in dollars",
            who=Who.USER_OR_KEY,
            data=shapes.Subscription,
            answer=Answer.BARE,
        )
        for path in SUBSCRIPTION_PATHS
    ),
    *(
        Described(
            method="GET",
            path=path,
            summary="What was spent in all, in hundredths of a dollar",
            who=Who.USER_OR_KEY,
            data=shapes.DashboardUsage,
            answer=Answer.BARE,
        )
        for path in USAGE_PATHS
    ),
    Described(
        method="GET",
        path=TOKEN_USAGE_PATHS[0],
        summary="A key's own figures and terms",
        who=Who.KEY,
        data=shapes.TokenUsage,
        answer=Answer.BARE,
    ),
)
