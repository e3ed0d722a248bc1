"""What billing reads of a `RequestCompleted`: what moves money, and what explains how much.

Its own reader, since the contract's takes three times as long, and would tie a charge to fields
that are none of billing's business. What only explains a charge is not read but cut out, byte for
byte.
Tests hold the fields and their bounds against the contract.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

import msgspec

from services.billing.charging.detail import (
    EMPTY,
    NO_ITEMS,
    NONE_USED,
    NULL,
    ChargeDetail,
    detail_json,
)
from services.billing.leases.subjects import SubjectKind, parse_subject
from shared.events.numbers import MAX_ID, MAX_QUOTA_UNITS, MAX_TOKENS
from shared.events.requests import Outcome

_HOUR_S: Final = 3600
_SECOND: Final = timedelta(seconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# PostgreSQL keeps it in `json` and then fails on whoever looks inside.
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

# `\Z` where the contract has `$`: Python's `$` lets a line's end follow.
_Code = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9_.:-]*\Z")]
_Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]
_QuotaUnits = Annotated[int, msgspec.Meta(ge=0, le=MAX_QUOTA_UNITS)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]

_BUDGET: Final = "budget:"


class ChargeableUsage(msgspec.Struct, frozen=True, gc=False):
    """The part of `Usage` that is counted."""

    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0


class ChargeableLease(msgspec.Struct, frozen=True, gc=False):
    """A `LeaseUse`. The subject is only compared."""

    lease_id: _Code
    subject: str


class ChargeableRequest(msgspec.Struct, frozen=True, gc=False):
    """The part of `RequestCompleted` that is charged, or says why. Raw: only cut out."""

    request_id: _Code
    workspace_id: _Id
    key_id: _Id
    user_id: _Id
    outcome: Outcome
    completed_at: _Time
    started_at: msgspec.Raw
    username: _Name = ""
    requested_model: _Name | None = None
    project_id: _Id | None = None
    provider_id: _Id | None = None
    quota: _QuotaUnits = 0
    hold_quota: _QuotaUnits = 0
    usage: msgspec.Raw = NONE_USED
    usage_source: msgspec.Raw = EMPTY
    rating: msgspec.Raw = NULL
    leases: msgspec.Raw = NO_ITEMS
    attempts: msgspec.Raw = NO_ITEMS
    group: msgspec.Raw = EMPTY
    user_group: msgspec.Raw = EMPTY
    provider: msgspec.Raw = NULL
    channel_id: msgspec.Raw = NULL
    upstream_model: msgspec.Raw = NULL


_REQUEST: Final = msgspec.json.Decoder(ChargeableRequest)
_USAGE: Final = msgspec.json.Decoder(ChargeableUsage)
_LEASES: Final = msgspec.json.Decoder(tuple[ChargeableLease, ...])


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
    project_id: int | None = None
    provider_id: int | None = None
    is_success: bool = True
    rating: bytes = b""
    """The JSON of the ratios that it was rated with; empty: none were told."""
    detail: bytes = b"{}"
    """JSON: what else it was reckoned from. Nothing that was said, and nothing of the client."""
    budget_leases: tuple[tuple[str, int], ...] = ()
    """Leases of budgets, each with the budget's id."""


class FailedRequest(NamedTuple):
    """One request that did not succeed and cost nothing: it has no ledger entry."""

    request_id: str
    workspace_id: int
    project_id: int | None
    provider_id: int | None
    completed_at: datetime


class NotChargeableError(Exception):
    """The value is not a readable `RequestCompleted`."""


def read_charge(value: bytes) -> Charge | FailedRequest:
    """The charge of a record's value, or what has no ledger entry.

    Raises NotChargeableError.
    """
    if (b"\\" in value and _ESCAPED_NUL.search(value)) or not (value.isascii() or _is_utf8(value)):
        raise NotChargeableError
    try:
        request = _REQUEST.decode(value)
        usage = _USAGE.decode(request.usage)
        leases = _LEASES.decode(request.leases)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotChargeableError from None
    if request.outcome is not Outcome.SUCCEEDED and request.quota == 0:
        return FailedRequest(
            request.request_id,
            request.workspace_id,
            request.project_id,
            request.provider_id,
            request.completed_at,
        )
    return _charge(request, usage, leases)


def _is_utf8(value: bytes) -> bool:
    """What is only cut out is not looked at by the decoder."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _charge(
    request: ChargeableRequest, usage: ChargeableUsage, leases: tuple[ChargeableLease, ...]
) -> Charge:
    seconds = (request.completed_at - _EPOCH) // _SECOND  # `timestamp()` rounds, far from now
    return Charge(
        request.request_id,
        request.workspace_id,
        request.key_id,
        request.user_id,
        request.username,
        request.requested_model or "",
        request.quota,
        max(0, request.quota - request.hold_quota),
        _lease_of(f"account:{request.workspace_id}", leases),
        _lease_of(f"key:{request.key_id}", leases),
        usage.prompt_tokens + usage.completion_tokens,
        seconds - seconds % _HOUR_S,
        request.completed_at,
        seconds * 1_000_000 + request.completed_at.microsecond,
        request.project_id,
        request.provider_id,
        request.outcome is Outcome.SUCCEEDED,
        b"" if request.rating == NULL else bytes(request.rating),
        detail_json(
            ChargeDetail(
                request.username,
                request.group,
                request.user_group,
                request.project_id,
                request.provider_id,
                request.provider,
                request.channel_id,
                request.upstream_model,
                request.outcome,
                request.started_at,
                request.hold_quota,
                request.usage_source,
                request.usage,
                request.attempts,
                request.leases,
            )
        ),
        _budget_leases(leases),
    )


def _budget_leases(leases: tuple[ChargeableLease, ...]) -> tuple[tuple[str, int], ...]:
    if not any(use.subject.startswith(_BUDGET) for use in leases):
        return ()
    named = [(use.lease_id, parse_subject(use.subject)) for use in leases]
    return tuple(
        (lease_id, subject.id)
        for lease_id, subject in named
        if subject is not None and subject.kind is SubjectKind.BUDGET
    )


def _lease_of(subject: str, leases: tuple[ChargeableLease, ...]) -> str | None:
    """Another's lease holds nothing for this request."""
    for use in leases:
        if use.subject == subject:
            return use.lease_id
    return None
