"""From control's rows to the events of its state topics. Pure.

A row that is marked as deleted is rendered as such; for a row that is gone there is a tombstone,
which is not made here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from services.control.workspaces.workspace_settings import settings_of
from shared.events.directory import KeyListed, ProjectChanged, UserChanged, WorkspaceChanged
from shared.events.event import Event
from shared.events.keys import KeyChanged
from shared.events.limits import LimitChanged, RateLimitStrategy, RequestLimits
from shared.events.routing import (
    ChannelChanged,
    ChannelCredential,
    GroupChanged,
    ModelChanged,
    Status,
)

Row: TypeAlias = Any
"""A mapping of column to value; asyncpg's records are not declared as one."""


def render_channel(row: Row) -> ChannelChanged:
    """A row of `channels`, with its credentials, its provider's name and whether that is active."""
    is_routed = row["provider_is_active"]
    credentials = tuple(
        ChannelCredential(
            credential_id=credential["id"],
            key_ciphertext=credential["key_ciphertext"],
            status=Status(credential["status"]),
        )
        for credential in orjson.loads(row["credentials"])
    )
    enabled = [one for one in credentials if one.status is Status.ENABLED]
    return ChannelChanged(
        channel_id=row["id"],
        name=row["name"],
        provider=row["provider"],
        provider_id=row["provider_id"],
        dialect=row["dialect"],
        base_url=row["base_url"],
        key_ciphertext=(enabled or credentials)[0].key_ciphertext,
        credentials=credentials,
        models=tuple(row["models"]),
        groups=tuple(row["groups"]),
        model_mapping=orjson.loads(row["model_mapping"]),
        priority=row["priority"],
        weight=row["weight"],
        health_reset_at=row["health_reset_at"],
        proxy_url_ciphertext=row["proxy_url_ciphertext"],
        http2=row["http2"],
        status=Status(row["status"]) if is_routed else Status.DISABLED,
        is_deleted=row["deleted_at"] is not None,
    )


def render_model(row: Row) -> ModelChanged:
    """A row of `models`."""
    return ModelChanged(
        name=row["name"],
        groups=tuple(row["groups"]),
        status=Status(row["status"]),
        owned_by=row["owned_by"],
        max_output_tokens=row["max_output_tokens"],
        max_media_tokens=row["max_media_tokens"],
        created=int(row["created_at"].timestamp()),
        is_deleted=row["deleted_at"] is not None,
    )


def render_group(row: Row) -> GroupChanged:
    """A row of `groups`."""
    return GroupChanged(
        name=row["name"],
        status=Status(row["status"]),
        is_selectable=row["is_selectable"],
        limits=RequestLimits.model_validate_json(row["limits"]),
        member_limits=RequestLimits.model_validate_json(row["member_limits"]),
        is_deleted=row["deleted_at"] is not None,
    )


def render_limit(row: Row) -> LimitChanged:
    """A row of `rate_limits`."""
    return LimitChanged(
        limit_id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        path_pattern=row["path_pattern"],
        method=row["method"],
        requests=row["requests"],
        window_ms=row["timeout_ms"],
        strategy=RateLimitStrategy(row["strategy"]),
        bucket_size=row["bucket_size"],
        refill_rate=row["refill_rate"],
        slope=row["slope"],
        priority=row["priority"],
        is_active=row["is_active"],
        is_deleted=row["deleted_at"] is not None,
    )


def render_user(row: Row) -> UserChanged:
    """A row of `users`."""
    return UserChanged(
        user_id=row["id"],
        username=row["username"],
        display_name=row["display_name"],
        role=row["role"],
        status=Status(row["status"]),
        group=row["group"],
        personal_workspace_id=row["personal_workspace_id"],
        is_deleted=row["deleted_at"] is not None,
    )


def render_workspace(row: Row) -> WorkspaceChanged:
    """A row of `workspaces`: one that is there is enabled."""
    return WorkspaceChanged(
        workspace_id=row["id"],
        name=row["name"],
        slug=row["slug"],
        owner_user_id=row["owner_user_id"],
        status=Status.ENABLED,
        timezone=settings_of(row)["timezone"],
    )


def render_project(row: Row) -> ProjectChanged:
    """A row of `projects`."""
    return ProjectChanged(
        project_id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        is_deleted=row["deleted_at"] is not None,
    )


def render_key(row: Row) -> KeyChanged:
    """A row of `tokens` with one of its secrets, for admission.

    A former secret ends with its period of grace. One whose grace is over now is told as expired,
    so that it is refused whatever the relay's clock says.
    """
    ends = [end for end in (row["expired_time"], row["valid_until"]) if end is not None]
    is_expired = row["is_over"] and row["status"] == Status.ENABLED
    return KeyChanged(
        key_id=row["id"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        status=Status.EXPIRED if is_expired else Status(row["status"]),
        expires_at=min(ends, default=None),
        group=row["group"],
        allow_addresses=tuple(row["allow_ips"]),
        model_limits=tuple(row["model_limits"]) if row["model_limits_enabled"] else None,
        unlimited_quota=row["unlimited_quota"],
        cross_group_retry=row["cross_group_retry"],
        limits=RequestLimits.model_validate_json(row["limits"]),
        is_deleted=row["deleted_at"] is not None,
    )


def render_listed_key(row: Row) -> KeyListed:
    """A row of `tokens`, for those who show names, and for billing, which limits what it spends."""
    return KeyListed(
        key_id=row["id"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        status=Status(row["status"]),
        unlimited_quota=row["unlimited_quota"],
        remain_quota=row["remain_quota"],
        quota_version=row["quota_version"],
        is_deleted=row["deleted_at"] is not None,
    )


RENDERERS: Final[Mapping[str, Callable[[Row], Event]]] = {
    "channel": render_channel,
    "model": render_model,
    "group": render_group,
    "limit": render_limit,
    "user": render_user,
    "workspace": render_workspace,
    "project": render_project,
    "key": render_listed_key,
}
"""By the kind that a key of control.routing or control.directory begins with."""
