"""`billing.ledger`: every movement of money, once."""

from enum import StrEnum

from shared.events.event import Event
from shared.events.numbers import Balance, Count, Id, QuotaUnits, SignedQuotaUnits, Time
from shared.events.text import Code, Line, ModelName, Name


class EntryKind(StrEnum):
    """What moved the balance."""

    CHARGE = "charge"
    TOP_UP = "top_up"
    RELEASE = "release"
    """A lease that an operator forced open: it moves nothing, and names what it exposes."""


class LedgerEntryPosted(Event):
    """One ledger entry. The header `ce_kind` repeats `kind`, so that a reader may skip unread."""

    TYPE = "ledgerline.ledger.entry_posted.v1"

    entry_id: Id
    workspace_id: Id
    kind: EntryKind
    cause: Line
    """What caused it; unique: the same cause never moves money twice."""
    amount_units: SignedQuotaUnits
    """Added to the balance: negative for a charge. 500,000 is $1."""
    balance_after_units: Balance
    excess_units: QuotaUnits = 0
    """By how much a charge was above what its request had set aside."""
    exposure_units: QuotaUnits = 0
    """What a forced release may let the balance fall below zero by."""
    request_id: Code | None = None
    key_id: Id | None = None
    key_remain_units: Balance | None = None
    """What the key may still spend after this entry; null: unlimited, or not known."""
    key_quota_version: Count | None = None
    """Which setting of the key's quota that refers to; see `KeyListed.quota_version`."""
    user_id: Id | None = None
    model: ModelName | None = None
    actor_user_id: Id | None = None
    """Who did it, where a person did."""
    actor_name: Name = ""
    note: Line = ""
    posted_at: Time
    """For a charge, the request's `completed_at`."""
