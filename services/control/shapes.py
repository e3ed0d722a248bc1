"""What control's answers look like: for the documentation, and held against them by tests.

Times are Unix seconds. Secrets are in none of them but those that say so.
"""

from typing import Any, Literal

from pydantic import BaseModel

from shared.events.limits import RequestLimits


class User(BaseModel):
    """A user as the user sees it. Quota: 500,000 is $1."""

    id: int
    username: str
    display_name: str
    role: int
    status: int
    email: str
    group: str
    quota: int
    used_quota: int
    request_count: int
    quota_as_of: int | None
    workspace_id: int
    setting: str
    locked_until: int | None
    created_at: int
    last_login_at: int


class ManagedUser(User):
    """A user as admins see it."""

    remark: str


class SessionTokens(BaseModel):
    """Shown once: a short session token, and what renews it."""

    session_token: str
    token_expiry: int
    refresh_token: str
    expires_at: int


class LoggedIn(User, SessionTokens):
    """Who logged in, and the tokens."""


class Session(BaseModel):
    """A session, without its tokens."""

    id: int
    user_id: int
    is_current: bool
    user_agent: str
    ip_address: str
    device_info: str
    token_expiry: int
    expires_at: int
    last_active_at: int
    created_at: int


class SessionsEnded(BaseModel):
    """How many sessions were ended."""

    sessions: int


class WorkspaceSettings(BaseModel):
    """What a workspace has set."""

    timezone: str
    """Where its budgets' days, weeks and months begin."""


class Workspace(BaseModel):
    """A workspace that one belongs to."""

    id: int
    name: str
    slug: str
    owner_user_id: int
    role: str
    """The caller's in it; empty for an admin of the site who is no member."""
    settings: WorkspaceSettings
    created_at: int
    updated_at: int


class Project(BaseModel):
    """A project of a workspace."""

    id: int
    workspace_id: int
    name: str
    description: str
    color: str
    settings: dict[str, Any]
    created_at: int
    updated_at: int


class Provider(BaseModel):
    """A provider. Its credentials are its channels'."""

    id: int
    workspace_id: int | None
    name: str
    slug: str
    description: str
    base_url: str
    logo_url: str
    color: str
    is_active: bool
    created_at: int
    updated_at: int


class Key(BaseModel):
    """An API key, masked; in the answer that makes it, whole."""

    id: int
    user_id: int
    workspace_id: int
    project_id: int | None
    key: str
    status: int
    name: str
    created_time: int
    accessed_time: int
    expired_time: int
    remain_quota: int
    unlimited_quota: bool
    used_quota: int
    request_count: int
    model_limits_enabled: bool
    model_limits: str
    allow_ips: str
    group: str
    cross_group_retry: bool
    limits: RequestLimits
    former_key_valid_until: int


class Credential(BaseModel):
    """One of a channel's keys, masked."""

    id: int
    key: str
    status: int
    disabled_by: str | None
    reason: str | None
    since: int
    created_at: int


class ChannelHealth(BaseModel):
    """How a channel does, as the relays found."""

    state: str
    reason: str | None
    since: int | None
    rests_until: int | None
    consecutive_failures: int
    reset_at: int | None


class Channel(BaseModel):
    """One address of a provider."""

    id: int
    name: str
    provider: str
    provider_id: int | None
    dialect: str
    base_url: str
    models: list[str]
    groups: list[str]
    model_mapping: dict[str, str]
    priority: int
    weight: int
    status: int
    proxy_url: str
    proxy_has_credentials: bool
    http2: bool
    health: ChannelHealth
    credentials: list[Credential]
    created_at: int
    updated_at: int


class ChannelTestResult(BaseModel):
    """What a test found; `error_code` is null where the provider answered."""

    credential_id: int
    model: str
    error_code: str | None
    http_status: int | None
    time_s: float


class ChannelTested(BaseModel):
    """With the time beside the envelope, as existing tools read it."""

    success: bool
    message: str
    time: float
    data: ChannelTestResult


class ChannelNotTested(BaseModel):
    """Why nothing was sent to the provider."""

    success: Literal[False]
    message: str


class Model(BaseModel):
    """A model that clients may name."""

    name: str
    groups: list[str]
    status: int
    owned_by: str
    max_output_tokens: int
    max_media_tokens: int
    created_at: int


class Group(BaseModel):
    """A class of users or keys."""

    name: str
    description: str
    status: int
    is_selectable: bool
    limits: RequestLimits
    member_limits: RequestLimits
    created_at: int
    updated_at: int


class GroupOffered(BaseModel):
    """A group that one's keys may have."""

    desc: str


class Limit(BaseModel):
    """A workspace's limit for some of its calls: a row of `rate_limits`."""

    id: int
    workspace_id: int
    name: str
    description: str
    path_pattern: str
    method: str
    requests: int
    timeout_ms: int
    strategy: str
    bucket_size: int | None
    refill_rate: float | None
    slope: float | None
    priority: int
    is_active: bool
    created_at: int
    updated_at: int
