"""Billing's HTTP surface."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from services.billing.api.accounts import AccountsApi
from services.billing.api.budgets import BudgetsApi
from services.billing.api.charges import ChargesApi
from services.billing.api.drafts import DraftsApi
from services.billing.api.grants import GrantsApi
from services.billing.api.hours import HoursApi
from services.billing.api.leases import LeasesApi
from services.billing.api.ledger import LedgerApi
from services.billing.api.moves import MovesApi
from services.billing.api.prices import PricesApi
from services.billing.api.tools import (
    SUBSCRIPTION_PATHS,
    TOKEN_USAGE_PATHS,
    USAGE_PATHS,
    ToolsApi,
)
from services.billing.api.what_if import WhatIfApi

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_NAME = "{name:.+}"
_BUDGET = "/api/billing/budgets/{id:[0-9]{1,19}}"
# What is said of a group or a draft is never said of a model: names of models have slashes.
_DRAFT = "/api/prices/drafts/{draft_id:[1-9][0-9]{0,18}}"
_MODEL = "{name:(?!(?:groups/|drafts(?:/|$))).+}"


class Apis(NamedTuple):
    """The handlers of each area."""

    accounts: AccountsApi
    ledger: LedgerApi
    leases: LeasesApi
    prices: PricesApi
    drafts: DraftsApi
    charges: ChargesApi
    moves: MovesApi
    grants: GrantsApi
    hours: HoursApi
    budgets: BudgetsApi
    tools: ToolsApi
    what_if: WhatIfApi


def api_routes(apis: Apis) -> list[web.RouteDef]:
    """`/api/*`, on the port that the relay forwards to."""
    (
        accounts,
        ledger,
        leases,
        prices,
        drafts,
        charges,
        moves,
        grants,
        hours,
        budgets,
        tools,
        what_if,
    ) = apis
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "/api/billing/account", accounts.account),
        ("GET", "/api/billing/ledger", ledger.list),
        ("GET", "/api/billing/ledger/export", ledger.export),
        ("POST", "/api/billing/topups", accounts.top_up),
        ("GET", "/api/billing/leases", leases.list),
        ("POST", "/api/billing/leases/{lease_id}/release", leases.release),
        ("GET", "/api/prices", prices.list),
        ("GET", "/api/prices/", prices.list),
        ("GET", "/api/prices/drafts", drafts.list),
        ("POST", "/api/prices/drafts", drafts.make),
        ("GET", _DRAFT, drafts.read),
        ("DELETE", _DRAFT, drafts.remove),
        ("GET", f"{_DRAFT}/diff", drafts.diff),
        ("POST", f"{_DRAFT}/publish", drafts.publish),
        ("PUT", f"{_DRAFT}/models/{_NAME}", drafts.set_price),
        ("DELETE", f"{_DRAFT}/models/{_NAME}", drafts.remove_price),
        # Before the models: a model may not be called `groups/…` or `drafts/…`.
        ("GET", f"/api/prices/groups/{_NAME}", prices.read_group),
        ("PUT", f"/api/prices/groups/{_NAME}", prices.set_group),
        ("PUT", f"/api/prices/{_MODEL}", prices.set),
        ("DELETE", f"/api/prices/{_MODEL}", prices.remove),
        ("GET", "/api/pricing", prices.pricing),
        ("GET", "/api/billing/charges/{request_id}", charges.read),
        ("POST", "/api/billing/refunds", moves.refund),
        ("POST", "/api/billing/adjustments", moves.adjust),
        ("POST", "/api/billing/transfers", moves.transfer),
        ("GET", "/api/billing/what-if", what_if.list),
        ("POST", "/api/billing/what-if", what_if.ask),
        ("GET", "/api/billing/what-if/{run_id}", what_if.read),
        ("GET", "/api/billing/what-if/{run_id}/results", what_if.results),
        ("POST", "/api/billing/what-if/{run_id}/post", what_if.post),
        ("DELETE", "/api/billing/what-if/{run_id}", what_if.cancel),
        ("GET", "/api/billing/budgets", budgets.list),
        ("POST", "/api/billing/budgets", budgets.create),
        ("GET", _BUDGET, budgets.read),
        ("PUT", _BUDGET, budgets.change),
        ("DELETE", _BUDGET, budgets.delete),
        ("GET", f"{_BUDGET}/history", budgets.history),
        ("GET", "/api/billing/grants", grants.list),
        ("POST", "/api/billing/grants", grants.give),
        ("GET", "/api/data", hours.all),
        ("GET", "/api/data/", hours.all),
        ("GET", "/api/data/self", hours.own),
        *(("GET", path, tools.subscription) for path in SUBSCRIPTION_PATHS),
        *(("GET", path, tools.usage) for path in USAGE_PATHS),
        *(("GET", path, tools.token_usage) for path in TOKEN_USAGE_PATHS),
    ]
    return [web.route(method, path, handler) for method, path, handler in table]


def internal_routes(leases: LeasesApi) -> list[web.RouteDef]:
    """`/internal/*`, on the second port, for holders of a service credential."""
    return [web.post("/internal/leases", leases.answer)]
