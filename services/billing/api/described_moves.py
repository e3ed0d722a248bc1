"""What the documentation says of the calls that move money by hand."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from services.billing.api.moves import AdjustmentBody, RefundBody, TransferBody
from shared.http.described import Described, Who


class Refunded(BaseModel):
    """A refund, and what is left of its charge."""

    entry_id: int
    workspace_id: int
    request_id: str
    refunded_units: int
    refundable_units: int
    """What can still be refunded of the charge."""
    balance_after_units: int
    is_repeated: bool


class Posted(BaseModel):
    """An entry of the ledger, and whether it had been there before."""

    entry_id: int
    workspace_id: int
    amount_units: int
    balance_after_units: int
    refers_to_entry_id: int | None
    """The charge that it is of."""
    is_repeated: bool


class Transferred(BaseModel):
    """Both ends of a transfer."""

    model_config = ConfigDict(populate_by_name=True)

    source: Posted = Field(alias="from")
    target: Posted = Field(alias="to")
    is_repeated: bool


MOVES: Final = (
    Described(
        method="POST",
        path="/api/billing/refunds",
        summary="Give back the whole or a part of a charge, once for each idempotency key",
        who=Who.ADMIN,
        body=RefundBody,
        data=Refunded,
    ),
    Described(
        method="POST",
        path="/api/billing/adjustments",
        summary="Correct a balance or a charge, once for each idempotency key",
        who=Who.ADMIN,
        body=AdjustmentBody,
        data=Posted,
    ),
    Described(
        method="POST",
        path="/api/billing/transfers",
        summary="Move units between two workspaces, once for each idempotency key",
        who=Who.ADMIN,
        body=TransferBody,
        data=Transferred,
    ),
)
