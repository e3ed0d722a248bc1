"""Users as answers show them. Pure.

Secrets that no answer shows: password, access_token, mfa_secret, mfa_backup_codes,
email_verify_token, password_reset_token.
"""

from datetime import datetime
from typing import Any, Final

import orjson

from services.control.balances.store_balances import WorkspaceBalance
from shared.events.routing import Status

_TEXTS: Final = (
    "email",
    "github_id",
    "discord_id",
    "oidc_id",
    "wechat_id",
    "telegram_id",
    "linux_do_id",
    "oauth_provider",
    "oauth_provider_id",
    "aff_code",
    "stripe_customer",
)
"""Empty where there is none, as the source shows them."""
_AS_THEY_ARE: Final = (
    "id",
    "username",
    "display_name",
    "role",
    "status",
    "email_verified",
    "mfa_enabled",
    "group",
    "aff_count",
    "aff_quota",
    "aff_history",
    "setting",
    "avatar_url",
    "timezone",
    "last_login_ip",
    "failed_login_attempts",
)


def public_user(row: Any, balance: WorkspaceBalance) -> dict[str, Any]:
    """A user as the user sees it: both tables of the source in one.

    The quota is the personal workspace's, as far as billing's ledger has told by `quota_as_of`.
    """
    return {
        **{name: row[name] for name in _AS_THEY_ARE},
        **{name: row[name] or "" for name in _TEXTS},
        "quota": balance.quota_units,
        "used_quota": balance.used_units,
        "request_count": balance.request_count,
        "quota_as_of": _unix(balance.as_of),
        "full_name": row["display_name"],
        "is_active": row["status"] == Status.ENABLED,
        "inviter_id": row["inviter_id"] or 0,
        "workspace_id": row["personal_workspace_id"],
        "preferences": orjson.loads(row["preferences"]),
        "email_verify_expiry": _unix(row["email_verify_expiry"]),
        "password_reset_expiry": _unix(row["password_reset_expiry"]),
        "locked_until": _unix(row["locked_until"]),
        "created_at": _unix(row["created_at"]),
        "updated_at": _unix(row["updated_at"]),
        "last_login_at": _unix(row["last_login_at"]) or 0,
        "deleted_at": _unix(row["deleted_at"]),
    }


def managed_user(row: Any, balance: WorkspaceBalance) -> dict[str, Any]:
    """A user as admins see it."""
    return {**public_user(row, balance), "remark": row["remark"]}


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
