"""`ledgerline.ledger.entry_posted.v1`, as its JSON Schema has it.

Made by `python -P -m operations.events_package`; do not edit.
"""

from pydantic import AwareDatetime
from ledgerline_events.model import Model


class LedgerEntryPosted(Model):
    """One ledger entry. The header `ce_kind` repeats `kind`, so that a reader may skip unread."""

    entry_id: int
    workspace_id: int
    kind: str
    """What moved the balance. So far: `charge`, `top_up`, `release`, `refund`, `grant`, `expiry`, `adjustment`, `transfer`."""
    cause: str
    """What caused it; unique: the same cause never moves money twice."""
    amount_units: int
    """Added to the balance: negative for a charge. 500,000 is $1."""
    balance_after_units: int
    excess_units: int = 0
    """By how much a charge was above what its request had set aside."""
    exposure_units: int = 0
    """What a forced release may let the balance fall below zero by."""
    request_id: str | None = None
    key_id: int | None = None
    key_remain_units: int | None = None
    """What the key may still spend after this entry; null: unlimited, or not known."""
    key_quota_version: int | None = None
    """Which setting of the key's quota that refers to; see `KeyListed.quota_version`."""
    user_id: int | None = None
    model: str | None = None
    actor_user_id: int | None = None
    """Who did it, where a person did."""
    actor_name: str = ""
    note: str = ""
    posted_at: AwareDatetime
    """For a charge, the request's `completed_at`."""
    refers_to_entry_id: int | None = None
    """The charge that a refund or an adjustment is of."""
    refers_to_request_id: str | None = None
    """The request of that charge."""
    refers_to_failed: bool = False
    """Whether that request did not succeed: its row in the logs is an error, and no consumption."""
    bucket_at: AwareDatetime | None = None
    """The moment whose hour and budget period it counts to; null: `posted_at`."""
    username: str = ""
    """As it was at the charge: whose hour of use moves."""
    project_id: int | None = None
    provider_id: int | None = None
    detail_hash: str = ""
    """Of what the entry was reckoned from, which billing keeps."""
    prev_hash: str = ""
    """Of the account's entry before; empty: from before the chain."""
    entry_hash: str = ""
    """Of this entry and `prev_hash`: a change of any entry shows in all that follow."""
