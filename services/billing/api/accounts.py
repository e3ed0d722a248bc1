"""`/api/billing/account` and `/topups`."""

from functools import partial
from typing import Annotated

import asyncpg
from aiohttp import web
from pydantic import Field, StringConstraints

from services.billing.accounts.store_accounts import read_account
from services.billing.api.requests import Body, Note, RowId, workspace_to_read
from services.billing.audit import Admin
from services.billing.directory import Directory
from services.billing.ledger.top_ups import TopUp, top_up
from services.billing.metrics import BillingMetrics
from shared.events.numbers import MAX_QUOTA_UNITS
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, read_body, read_query, succeed
from shared.postgres.retrying import in_transaction

_KEY = r"^[^\x00-\x1f\x7f]+$"


class AccountQuery(Body):
    """Whose account; an admin may name a workspace."""

    workspace_id: RowId | None = None


class TopUpBody(Body):
    """What is added, and to whom."""

    workspace_id: RowId | None = None
    user_id: RowId | None = None
    """In place of a workspace: the user's personal one."""
    # Strict: money in another shape than an integer is a mistake of the caller's.
    quota_units: Annotated[int, Field(gt=0, le=MAX_QUOTA_UNITS, strict=True)]
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_KEY)]
    note: Note = ""


class AccountsApi:
    """Handlers."""

    def __init__(
        self, *, pool: asyncpg.Pool, directory: Directory, metrics: BillingMetrics
    ) -> None:
        self._pool = pool
        self._directory = directory
        self._metrics = metrics

    async def account(self, request: web.Request) -> web.Response:
        """The caller's balance; an admin may name a workspace."""
        caller = user_of(request)
        workspace_id = workspace_to_read(
            request, caller, read_query(request, AccountQuery).workspace_id
        )
        async with self._pool.acquire() as connection:
            account = await read_account(connection, workspace_id)
        return succeed(
            {
                "workspace_id": workspace_id,
                "balance_units": account.balance_units,
                "held_units": account.held_units,
                "available_units": account.balance_units - account.held_units,
                "used_units": account.charged_units,
            }
        )

    async def top_up(self, request: web.Request) -> web.Response:
        """Add to a workspace's balance, once for each idempotency key."""
        admin = Admin.of(request)
        body = await read_body(request, TopUpBody)
        workspace_id = self._whose(body)
        workspace = self._directory.workspace(workspace_id)
        if workspace is None:
            raise EnvelopeError("workspace not found")
        wanted = TopUp(
            workspace_id=workspace_id,
            owner_user_id=workspace.owner_user_id,
            quota_units=body.quota_units,
            idempotency_key=body.idempotency_key,
            note=body.note,
        )
        done = await in_transaction(
            self._pool, partial(top_up, wanted=wanted, admin=admin), idempotent=True
        )
        if not done.is_repeated:
            self._metrics.top_ups.inc(body.quota_units)
        return succeed(
            {
                "entry_id": done.entry_id,
                "workspace_id": done.workspace_id,
                "amount_units": done.amount_units,
                "balance_after_units": done.balance_after_units,
                "is_repeated": done.is_repeated,
            }
        )

    def _whose(self, body: TopUpBody) -> int:
        match body.workspace_id, body.user_id:
            case int() as workspace_id, None:
                return workspace_id
            case None, int() as user_id:
                personal = self._directory.personal_workspace(user_id)
                if personal is None:
                    raise EnvelopeError("user not found")
                return personal
            case _:
                raise EnvelopeError("give a workspace_id or a user_id, and not both")
