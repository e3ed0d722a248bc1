"""What the public is told of control's tables: their columns and types, never a value."""

from typing import Final

from shared.transparency.disclosure import Disclosure, plumbing

_SHA256: Final = "SHA-256; the secret itself is not kept"
_SEALED: Final = "AES-GCM; what opens it is not in the database"

DISCLOSURE: Final = Disclosure(
    service="control",
    tables={
        "users": "users",
        "sessions": "sessions",
        "refresh_tokens": "refresh_tokens",
        "login_failures": "login_failures",
        "workspaces": "workspaces",
        "workspace_members": "workspace_members",
        "projects": "projects",
        "tokens": "tokens",
        "token_secrets": "token_secrets",
        "key_use": "key_use",
        "balances": "balances",
        "rate_limits": "rate_limits",
        "groups": "groups",
        "models": "models",
        "providers": "providers",
        "channels": "channels",
        "channel_credentials": "channel_credentials",
    },
    withheld={
        **plumbing("event_outbox", "state_outbox", "consumer_watermarks", "consumer_accepted_gaps"),
        "channel_views": "How each relay sees the operator's channels; nothing of anybody's.",
    },
    secrets={
        "users": {"password": "argon2 hash", "access_token_hash": _SHA256},
        "sessions": {"token_hash": _SHA256, "refresh_token_hash": _SHA256},
        "refresh_tokens": {"token_hash": _SHA256},
        "token_secrets": {"key_hash": _SHA256},
        "channels": {"proxy_url_ciphertext": _SEALED},
        "channel_credentials": {"key_ciphertext": _SEALED},
    },
)
