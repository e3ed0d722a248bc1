"""`/api/billing/budgets`: of one's own workspace; for admins, of every one."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import asyncpg
from aiohttp import web
from pydantic import Field, StringConstraints
from pydantic.functional_validators import AfterValidator

from services.billing.api.requests import Body, Named, RowId, workspace_to_read
from services.billing.budgets.budget import MAX_AMOUNT_CENTS
from services.billing.budgets.changing import (
    Who,
    change_budget,
    create_budget,
    not_found,
    remove_budget,
)
from services.billing.budgets.store_budget_lists import list_budgets, list_history
from services.billing.budgets.zones import UTC_NAME, known_zone
from services.billing.directory import Directory
from shared.audit.actions import Actor
from shared.events.budgets import BudgetPeriod
from shared.events.numbers import MAX_ID
from shared.http.assertions import Caller
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_MAX_LISTED: Final = 100
_END_OF_TIME: Final = 253_402_300_799
_SCOPE: Final = ("workspace_id", "project_id", "provider_id")


def _rising(percents: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(percents)))


# Strict: money in another shape than an integer is a mistake of the caller's.
AmountCents = Annotated[int, Field(ge=0, le=MAX_AMOUNT_CENTS, strict=True)]
Thresholds = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(max_length=10), AfterValidator(_rising)
]
Description = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]


class BudgetQuery(Body):
    """Whose budgets; an admin may name a workspace."""

    workspace_id: RowId | None = None


class HistoryQuery(Body):
    """A page of a budget's history; `before` is the `period_start` of the page before's last."""

    before: Annotated[int, Field(ge=0, le=_END_OF_TIME)] = _END_OF_TIME
    page_size: Annotated[int, Field(ge=1, le=2**31)] = 20


class NewBudget(Body):
    """A budget of a workspace; of one project or one provider where it says so."""

    workspace_id: RowId | None = None
    provider_id: RowId | None = None
    project_id: RowId | None = None
    name: Named
    description: Description = ""
    amount_cents: AmountCents
    period: BudgetPeriod
    is_hard_limit: bool = False
    alert_thresholds: Thresholds = (50, 80, 100)
    is_active: bool = True


class BudgetChanges(Body):
    """What of a budget is to change. What it is a budget of stays."""

    workspace_id: RowId | None = None
    provider_id: RowId | None = None
    project_id: RowId | None = None
    name: Named | None = None
    description: Description | None = None
    amount_cents: AmountCents | None = None
    period: BudgetPeriod | None = None
    is_hard_limit: bool | None = None
    alert_thresholds: Thresholds | None = None
    is_active: bool | None = None


class BudgetsApi:
    """Handlers."""

    def __init__(self, *, pool: asyncpg.Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory

    async def list(self, request: web.Request) -> web.Response:
        """All budgets of a workspace, each in its running period."""
        caller = user_of(request)
        asked = read_query(request, BudgetQuery).workspace_id
        workspace_id = workspace_to_read(request, caller, asked)
        return succeed(await list_budgets(self._pool, workspace_id=workspace_id))

    async def read(self, request: web.Request) -> web.Response:
        """One."""
        return succeed(await self._one(user_of(request), _id(request)))

    async def create(self, request: web.Request) -> web.Response:
        """Make one, in the workspace's time zone."""
        caller = user_of(request)
        body = await read_body(request, NewBudget)
        workspace_id = workspace_to_read(request, caller, body.workspace_id)
        workspace = self._directory.workspace(workspace_id)
        if workspace is None:
            raise EnvelopeError("workspace not found")
        if body.project_id is not None and (
            self._directory.workspace_of_project(body.project_id) != workspace_id
        ):
            raise EnvelopeError("project not found")
        work = partial(
            create_budget,
            actor=Actor.from_request(request, caller),
            wanted=body.model_dump() | {"workspace_id": workspace_id},
            timezone=known_zone(workspace.timezone) or UTC_NAME,
        )
        budget_id = await in_transaction(self._pool, work)
        return succeed(await self._one(caller, budget_id))

    async def change(self, request: web.Request) -> web.Response:
        """Set what the body names."""
        caller = user_of(request)
        body = await read_body(request, BudgetChanges)
        budget_id = _id(request)
        known = await self._one(caller, budget_id)
        named = body.model_dump(exclude_unset=True)
        if any(named.get(name, known[name]) != known[name] for name in _SCOPE):
            raise EnvelopeError("what a budget is of cannot be changed; make another one")
        changes = {
            name: value for name, value in named.items() if value is not None and name not in _SCOPE
        }
        if not changes:
            raise EnvelopeError("nothing to change")
        work = partial(
            change_budget, who=_who(request, caller), budget_id=budget_id, changes=changes
        )
        await in_transaction(self._pool, work)
        return succeed(await self._one(caller, budget_id))

    async def delete(self, request: web.Request) -> web.Response:
        """Take one away."""
        caller = user_of(request)
        work = partial(remove_budget, who=_who(request, caller), budget_id=_id(request))
        await in_transaction(self._pool, work)
        return succeed()

    async def history(self, request: web.Request) -> web.Response:
        """What its periods came to, the newest first."""
        caller, query = user_of(request), read_query(request, HistoryQuery)
        budget = await self._one(caller, _id(request))
        limit = min(query.page_size, _MAX_LISTED)
        before = datetime.fromtimestamp(query.before, UTC)
        items = await list_history(self._pool, budget["id"], before=before, limit=limit)
        following = items[-1]["period_start"] if len(items) == limit else None
        return succeed({"items": items, "next_before": following})

    async def _one(self, caller: Caller, budget_id: int) -> dict[str, Any]:
        found = await list_budgets(self._pool, workspace_id=_within(caller), budget_id=budget_id)
        if not found:
            raise not_found()
        return found[0]


def _within(caller: Caller) -> int | None:
    """Where the caller's budgets are: in one workspace, or, for admins, in any."""
    return None if caller.is_admin else caller.workspace_id


def _who(request: web.Request, caller: Caller) -> Who:
    return Who(actor=Actor.from_request(request, caller), workspace_id=_within(caller))


def _id(request: web.Request) -> int:
    budget_id = int(request.match_info["id"])
    if budget_id > MAX_ID:
        raise not_found()
    return budget_id
