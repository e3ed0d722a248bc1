"""What admins move by hand: refunds, adjustments and transfers."""

from functools import partial
from typing import Annotated, Self

import asyncpg
from aiohttp import web
from pydantic import Field, StringConstraints, model_validator

from services.billing.api.requests import Body, RowId
from services.billing.audit import Admin
from services.billing.directory import Directory
from services.billing.ledger.adjustments import Adjustment, adjust
from services.billing.ledger.refunds import Refund, refund
from services.billing.ledger.transfers import Side, Transfer, transfer
from services.billing.metrics import BillingMetrics
from shared.events.numbers import MAX_QUOTA_UNITS
from shared.http.envelope import EnvelopeError, read_body, succeed
from shared.postgres.retrying import in_transaction

_TEXT = r"^[^\x00-\x1f\x7f]+$"
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_TEXT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_TEXT)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
# Strict: money in another shape than an integer is a mistake of the caller's.
Units = Annotated[int, Field(gt=0, le=MAX_QUOTA_UNITS, strict=True)]
SignedUnits = Annotated[int, Field(ge=-MAX_QUOTA_UNITS, le=MAX_QUOTA_UNITS, strict=True)]


class RefundBody(Body):
    """What is given back, of which charge."""

    request_id: RequestId | None = None
    entry_id: RowId | None = None
    """In place of the request: its charge's entry."""
    quota_units: Units | None = None
    """Null: all that is left of the charge."""
    idempotency_key: IdempotencyKey
    reason: Reason

    @model_validator(mode="after")
    def _names_one_charge(self) -> Self:
        if (self.request_id is None) is (self.entry_id is None):
            raise ValueError("give a request_id or an entry_id, and not both")
        return self


class AdjustmentBody(Body):
    """What a balance is corrected by; with a request, its charge as well."""

    workspace_id: RowId
    quota_units: SignedUnits
    """Added to the balance; below zero: taken from it. Not 0."""
    refers_to_request_id: RequestId | None = None
    idempotency_key: IdempotencyKey
    reason: Reason

    @model_validator(mode="after")
    def _moves_something(self) -> Self:
        if self.quota_units == 0:
            raise ValueError("quota_units may not be 0")
        return self


class TransferBody(Body):
    """What is moved, from whom to whom."""

    from_workspace_id: RowId
    to_workspace_id: RowId
    quota_units: Units
    idempotency_key: IdempotencyKey
    reason: Reason

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        if self.from_workspace_id == self.to_workspace_id:
            raise ValueError("give two different workspaces")
        return self


class MovesApi:
    """Handlers; each moves money once for each idempotency key."""

    def __init__(
        self, *, pool: asyncpg.Pool, directory: Directory, metrics: BillingMetrics
    ) -> None:
        self._pool = pool
        self._directory = directory
        self._metrics = metrics

    async def refund(self, request: web.Request) -> web.Response:
        """Give back the whole or a part of a charge."""
        admin = Admin.of(request)
        body = await read_body(request, RefundBody)
        wanted = Refund(
            request_id=body.request_id,
            entry_id=body.entry_id,
            quota_units=body.quota_units,
            idempotency_key=body.idempotency_key,
            reason=body.reason,
        )
        done = await in_transaction(
            self._pool, partial(refund, wanted=wanted, admin=admin), idempotent=True
        )
        entry = done.entry
        if not entry.is_repeated:
            self._metrics.refunded.inc(entry.amount_units)
        return succeed(
            {
                "entry_id": entry.entry_id,
                "workspace_id": entry.workspace_id,
                "request_id": done.charge.request_id,
                "refunded_units": entry.amount_units,
                "refundable_units": done.refundable_units,
                "balance_after_units": entry.balance_after_units,
                "is_repeated": entry.is_repeated,
            }
        )

    async def adjust(self, request: web.Request) -> web.Response:
        """Correct a balance by hand, up or down."""
        admin = Admin.of(request)
        body = await read_body(request, AdjustmentBody)
        wanted = Adjustment(
            workspace_id=body.workspace_id,
            owner_user_id=self._side(body.workspace_id).owner_user_id,
            quota_units=body.quota_units,
            refers_to_request_id=body.refers_to_request_id,
            idempotency_key=body.idempotency_key,
            reason=body.reason,
        )
        posted = await in_transaction(
            self._pool, partial(adjust, wanted=wanted, admin=admin), idempotent=True
        )
        return succeed(posted._asdict())

    async def transfer(self, request: web.Request) -> web.Response:
        """Move units from one workspace to another."""
        admin = Admin.of(request)
        body = await read_body(request, TransferBody)
        wanted = Transfer(
            source=self._side(body.from_workspace_id),
            target=self._side(body.to_workspace_id),
            quota_units=body.quota_units,
            idempotency_key=body.idempotency_key,
            reason=body.reason,
        )
        done = await in_transaction(
            self._pool, partial(transfer, wanted=wanted, admin=admin), idempotent=True
        )
        return succeed(
            {
                "from": done.taken._asdict(),
                "to": done.given._asdict(),
                "is_repeated": done.taken.is_repeated,
            }
        )

    def _side(self, workspace_id: int) -> Side:
        workspace = self._directory.workspace(workspace_id)
        if workspace is None:
            raise EnvelopeError("workspace not found")
        return Side(workspace_id, workspace.owner_user_id)
