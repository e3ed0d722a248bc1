"""What billing's answers look like: for the documentation, and held against them by tests."""

from pydantic import BaseModel

from shared.events.prices import GroupRatio, ModelPrice


class Account(BaseModel):
    """A workspace's account. Units of quota: 500,000 are $1."""

    workspace_id: int
    balance_units: int
    held_units: int
    available_units: int
    used_units: int


class LedgerEntry(BaseModel):
    """One movement of money."""

    entry_id: int
    workspace_id: int
    kind: str
    cause: str
    amount_units: int
    balance_after_units: int
    excess_units: int
    exposure_units: int
    request_id: str | None
    posted_at: int
    refers_to_entry_id: int | None
    bucket_at: int | None
    prev_hash: str | None
    entry_hash: str | None


class LedgerPage(BaseModel):
    """A page of a ledger. The total is null where a cursor was given."""

    items: list[LedgerEntry]
    total: int | None
    page: int
    page_size: int
    next_cursor: str | None


class ToppedUp(BaseModel):
    """A top-up, and whether it had been made before."""

    entry_id: int
    balance_after_units: int
    is_repeated: bool


class Lease(BaseModel):
    """What a relay holds of an account, a key or a budget."""

    lease_id: str
    relay_id: str
    subject: str
    workspace_id: int
    granted_total: int
    used_total: int
    charged_total: int
    held_units: int
    state: str
    is_short: bool
    is_scarce: bool
    is_suspect: bool
    close_reason: str | None
    opened_at: int
    held_for_s: int
    heartbeat_at: int
    closed_at: int | None


class Leases(BaseModel):
    """A page of leases, in order of id."""

    items: list[Lease]
    next_after: str | None


class Released(BaseModel):
    """What a forced release gave back, and what it exposes."""

    lease_id: str
    subject: str
    workspace_id: int
    entry_id: int
    exposure_units: int
    still_held_units: int


class PriceInBook(BaseModel):
    """A model's price as it is, and as it will be."""

    model: str
    current: ModelPrice | None
    coming: list[ModelPrice]


class GroupRatioInBook(BaseModel):
    """A group's ratio as it is, and as it will be."""

    group: str
    current: GroupRatio | None
    coming: list[GroupRatio]


class HourOfUse(BaseModel):
    """What was used of a model in an hour: a row of `quota_data`, or the sum of several."""

    id: int
    user_id: int
    username: str
    model_name: str
    created_at: int
    token_used: int
    count: int
    quota: int


class Subscription(BaseModel):
    """As OpenAI had it once."""

    object: str
    has_payment_method: bool
    soft_limit_usd: float
    hard_limit_usd: float
    system_hard_limit_usd: float
    access_until: int


class DashboardUsage(BaseModel):
    """As OpenAI had it once: hundredths of a dollar."""

    object: str
    total_usage: float


class TokenFigures(BaseModel):
    """A key's own figures and terms."""

    object: str
    name: str
    total_granted: int
    total_used: int
    total_available: int
    unlimited_quota: bool
    model_limits: dict[str, bool]
    model_limits_enabled: bool
    expires_at: int


class TokenUsage(BaseModel):
    """`/api/usage/token/`, with an envelope of its own."""

    code: bool
    message: str
    data: TokenFigures
