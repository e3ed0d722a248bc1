"""What the answer to "why this charge" looks like."""

from typing import Any

from pydantic import BaseModel


class Inputs(BaseModel):
    """What was used, by the kinds that have a price of their own; tokens, but for tools."""

    prompt: int
    completion: int
    cached: int
    cache_creation: int
    cache_creation_1h: int
    image: int
    audio: int
    prompt_includes_cached: bool
    output_audio: int
    output_image: int
    tools: dict[str, int]
    """Calls of the provider's own tools."""


class Attempt(BaseModel):
    """One try at one channel. Channel and credential are told to admins only."""

    provider: str | None
    provider_id: int | None
    upstream_model: str | None
    offset_ms: int | None
    latency_ms: int | None
    http_status: int | None
    error_code: str | None
    channel_id: int | None = None
    channel_name: str | None = None
    credential_id: int | None = None


class FromGrant(BaseModel):
    """What a grant paid."""

    grant_id: int
    units: int


class LeaseOfCharge(BaseModel):
    """A lease that the request was admitted from."""

    lease_id: str
    subject: str


class BudgetOfCharge(BaseModel):
    """A budget that the charge counts to."""

    budget_id: int
    name: str


class Source(BaseModel):
    """Where the money came from."""

    account: int
    key_id: int | None
    grants: list[FromGrant]
    balance_units: int
    """What grants did not pay."""
    leases: list[LeaseOfCharge]
    budgets: list[BudgetOfCharge]


class Change(BaseModel):
    """A refund or an adjustment of the charge. The amount is what was added to the balance."""

    entry_id: int
    amount_units: int
    reason: str
    posted_at: int


class ExplainedCharge(BaseModel):
    """What a request was charged, and everything that it was reckoned from.

    Null where a charge is older than what is asked for.
    """

    request_id: str
    entry_id: int
    workspace_id: int
    key_id: int | None
    user_id: int | None
    username: str | None
    model: str | None
    upstream_model: str | None
    group: str | None
    project_id: int | None
    provider_id: int | None
    provider: str | None
    channel_id: int | None = None
    outcome: str | None
    started_at: str | None
    posted_at: int
    amount_units: int
    net_units: int
    """What it comes to after refunds and adjustments."""
    balance_before_units: int
    balance_after_units: int
    hold_quota: int | None
    excess_units: int
    inputs: Inputs | None
    usage_source: str | None
    ratios: dict[str, Any] | None
    """As `Rating` in the events: what it was rated with."""
    price_version: int | None
    formula: str | None
    """The sum with its numbers: it can be added up by hand."""
    rated_quota: int | None
    """What the sum comes to."""
    is_rated_same: bool | None
    """Whether that is what was charged."""
    attempts: list[Attempt]
    source: Source
    refunds: list[Change]
    adjustments: list[Change]
    prev_hash: str | None
    entry_hash: str | None
