"""The secrets of one stack: made once, kept in its state folder, readable by its owner alone."""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.postgres_server import SUPERUSER
from deploy.postgres.roles import ROLES

CALLERS = ("relay", "control", "billing", "logging", "operator")
"""Who has a credential of its own for other services' /internal."""

_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """All secrets of a stack; none is in the repr."""

    postgres_passwords: Mapping[str, str] = field(repr=False)
    """By role, the superuser's among them."""
    service_secrets: Mapping[str, str] = field(repr=False)
    """By caller (CALLERS)."""
    master_key: str = field(repr=False)
    """AES key for provider keys, 32 bytes in base64."""
    signing_seed: str = field(repr=False)
    """Ed25519 seed for assertions, 32 bytes in base64."""
    valkey_password: str = field(repr=False)
    root_username: str = "root"
    root_password: str = field(repr=False)

    def internal_callers(self) -> str:
        """Caller to SHA-256 of its secret, as the services take it: a JSON object."""
        hashes = {
            caller: hashlib.sha256(secret.encode()).hexdigest()
            for caller, secret in self.service_secrets.items()
        }
        return json.dumps(hashes)


def load_or_create(path: Path) -> Secrets:
    """Read the secrets; what is missing is made and kept, as a newer release may ask for more."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    passwords = kept.get("postgres_passwords", {})
    callers = kept.get("service_secrets", {})
    complete: dict[str, Any] = {
        "postgres_passwords": {
            role: passwords.get(role) or secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)
        },
        "service_secrets": {
            caller: callers.get(caller) or secrets.token_urlsafe(32) for caller in CALLERS
        },
        "master_key": kept.get("master_key") or _random_key(),
        "signing_seed": kept.get("signing_seed") or _random_key(),
        "valkey_password": kept.get("valkey_password") or secrets.token_urlsafe(24),
        "root_password": kept.get("root_password") or secrets.token_urlsafe(12),
    }
    if complete != kept:
        write_private(path, json.dumps(complete, indent=2))
    return Secrets(**complete)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
