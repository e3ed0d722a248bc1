"""What billing reads of a `RequestCompleted`: the fields that move money, and no more.

Reading the whole event takes three times as long, and would tie a charge to fields that are none of
billing's business. A test holds these fields against the contract.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import ValidationError

from services.billing.leases import subjects
from shared.events.event import Event
from shared.events.numbers import Id, QuotaUnits, Time, Tokens
from shared.events.requests import LeaseUse, Outcome, RequestCompleted
from shared.events.text import Code, ModelName, Name

_HOUR_S: Final = 3600


class ChargeableUsage(Event):
    """The part of `Usage` that is counted."""

    TYPE = "ledgerline.usage.v1"

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0


class ChargeableRequest(Event):
    """The part of `RequestCompleted` that is charged."""

    TYPE = RequestCompleted.TYPE

    request_id: Code
    workspace_id: Id
    key_id: Id
    user_id: Id
    username: Name = ""
    requested_model: ModelName | None = None
    outcome: Outcome
    usage: ChargeableUsage = ChargeableUsage()
    quota: QuotaUnits = 0
    hold_quota: QuotaUnits = 0
    leases: tuple[LeaseUse, ...] = ()
    completed_at: Time


class Charge(NamedTuple):
    """One request that has a ledger entry."""

    request_id: str
    workspace_id: int
    key_id: int
    user_id: int
    username: str
    model: str
    quota_units: int
    excess_units: int
    """By how much it is above what the request had set aside."""
    account_lease_id: str | None
    key_lease_id: str | None
    tokens: int
    hour: int
    """Unix seconds of the hour of `completed_at`."""
    completed_at: datetime
    completed_at_us: int
    """The same, in Unix microseconds."""


class NotChargeableError(Exception):
    """The value is not a readable `RequestCompleted`."""


def read_request(value: bytes) -> ChargeableRequest:
    """The event of a record's value. Raises NotChargeableError."""
    try:
        return ChargeableRequest.model_validate_json(value)
    except ValidationError:
        raise NotChargeableError from None


def charge_of(request: ChargeableRequest) -> Charge | None:
    """The charge; None for what has no ledger entry: it did not succeed and cost nothing."""
    if request.outcome is not Outcome.SUCCEEDED and request.quota == 0:
        return None
    seconds = math.floor(request.completed_at.timestamp())
    return Charge(
        request.request_id,
        request.workspace_id,
        request.key_id,
        request.user_id,
        request.username,
        request.requested_model or "",
        request.quota,
        max(0, request.quota - request.hold_quota),
        _lease_of(subjects.account(request.workspace_id), request.leases),
        _lease_of(subjects.key(request.key_id), request.leases),
        request.usage.prompt_tokens + request.usage.completion_tokens,
        seconds - seconds % _HOUR_S,
        request.completed_at,
        seconds * 1_000_000 + request.completed_at.microsecond,
    )


def _lease_of(subject: subjects.Subject, leases: Sequence[LeaseUse]) -> str | None:
    """Another's lease holds nothing for this request."""
    name = str(subject)
    for use in leases:
        if use.subject == name:
            return use.lease_id
    return None
