"""A key as answers show one: masked, in the source's shape, with what it has used. Pure."""

from datetime import datetime
from typing import Any, TypeAlias

from services.control.fields import to_unix
from services.control.keys.key_quota import is_exhausted, remain_units, used_units
from services.control.secrets_made import masked_key
from shared.events.limits import RequestLimits
from shared.events.routing import Status

Row: TypeAlias = Any
"""A key as `store_keys` reads one."""


def public_key(row: Row, *, now: datetime) -> dict[str, Any]:
    """All columns of the source's `tokens`, and what we have beside them."""
    created_time = int(row["created_time"].timestamp())
    last_used_at = row["last_used_at"]
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "key": masked_key(row["key_prefix"]),
        "status": int(shown_status(row, now=now)),
        "name": row["name"],
        "created_time": created_time,
        # As in the source: one that was never used was last looked at when it was made.
        "accessed_time": int(last_used_at.timestamp()) if last_used_at else created_time,
        "expired_time": to_unix(row["expired_time"]),
        "remain_quota": remain_units(row),
        "unlimited_quota": row["unlimited_quota"],
        "used_quota": used_units(row),
        "model_limits_enabled": row["model_limits_enabled"],
        "model_limits": ",".join(row["model_limits"]),
        "allow_ips": "\n".join(row["allow_ips"]),
        "group": row["group"],
        "cross_group_retry": row["cross_group_retry"],
        "deleted_at": None,
        "workspace_id": row["workspace_id"],
        "project_id": row["project_id"],
        "quota_version": row["quota_version"],
        "request_count": row["request_count"] or 0,
        "limits": RequestLimits.model_validate_json(row["limits"]).model_dump(mode="json"),
        "former_key_valid_until": to_unix(row["former_valid_until"]),
    }


def shown_status(row: Row, *, now: datetime) -> Status:
    """What is so: a key that a person disabled, one whose time is over, one that spent it all."""
    if row["status"] == Status.DISABLED:
        return Status.DISABLED
    if row["expired_time"] is not None and row["expired_time"] <= now:
        return Status.EXPIRED
    return Status.EXHAUSTED if is_exhausted(row) else Status.ENABLED
