"""`billing.ledger`: every movement of money, once."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from shared.events.event import Event
from shared.events.numbers import Balance, Count, Id, QuotaUnits, SignedQuotaUnits, Time
from shared.events.text import Code, Line, ModelName, Name

HashHex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$", max_length=64)]
"""A SHA-256 in hex; empty: there is none."""


class EntryKind(StrEnum):
    """What moved the balance."""

    CHARGE = "charge"
    TOP_UP = "top_up"
    RELEASE = "release"
    """A lease that an operator forced open: it moves nothing, and names what it exposes."""
    REFUND = "refund"
    """The whole or a part of one charge, given back."""
    GRANT = "grant"
    """Units that were given, perhaps until a day."""
    EXPIRY = "expiry"
    """What was left of a grant on that day."""
    ADJUSTMENT = "adjustment"
    """A correction of either sign, of one charge or of none."""
    TRANSFER = "transfer"
    """From one workspace to another: an entry in each."""


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
    refers_to_entry_id: Id | None = None
    """The charge that a refund or an adjustment is of."""
    refers_to_request_id: Code | None = None
    """The request of that charge."""
    refers_to_failed: bool = False
    """Whether that request did not succeed: its row in the logs is an error, and no consumption."""
    bucket_at: Time | None = None
    """The moment whose hour and budget period it counts to; null: `posted_at`."""
    username: Name = ""
    """As it was at the charge: whose hour of use moves."""
    project_id: Id | None = None
    provider_id: Id | None = None
    detail_hash: HashHex = ""
    """Of what the entry was reckoned from, which billing keeps."""
    prev_hash: HashHex = ""
    """Of the account's entry before; empty: from before the chain."""
    entry_hash: HashHex = ""
    """Of this entry and `prev_hash`: a change of any entry shows in all that follow."""

    @property
    def is_of_use(self) -> bool:
        """Whether it moves what was used: a charge does, and whatever refers to one."""
        return self.kind is EntryKind.CHARGE or self.refers_to_entry_id is not None
