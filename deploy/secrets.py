"""The secrets of a deployment with Docker, made once: `python -P -m deploy.secrets [FILE]`.

Writes the `.env` that docker-compose.yml reads. It is never overwritten: what it held would be
needed to open the channels' keys and the database.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from deploy.postgres.roles import ROLES

CALLERS: Final = ("relay", "control", "billing", "logging", "operator")
"""Who has a credential of its own for other services' /internal."""

_KEY_BYTES: Final = 32
_ONLY_OWNER: Final = 0o600
_TO_STANDARD_OUTPUT: Final = "-"


def password_variable(role: str) -> str:
    """The variable that holds the password of a PostgreSQL role."""
    return f"POSTGRES_PASSWORD_{role.upper()}"


def secret_variable(caller: str) -> str:
    """The variable that holds a service's credential for the `/internal` calls of others."""
    return f"SERVICE_SECRET_{caller.upper()}"


def new_environment() -> dict[str, str]:
    """Every secret, freshly made, by variable."""
    service_secrets = {caller: secrets.token_urlsafe(32) for caller in CALLERS}
    hashes = {
        caller: hashlib.sha256(secret.encode()).hexdigest()
        for caller, secret in service_secrets.items()
    }
    return {
        "POSTGRES_SUPERUSER_PASSWORD": secrets.token_urlsafe(24),
        # URL-safe: they stand in addresses.
        "VALKEY_PASSWORD": secrets.token_urlsafe(24),
        **{password_variable(role): secrets.token_urlsafe(24) for role in ROLES},
        **{secret_variable(caller): secret for caller, secret in service_secrets.items()},
        "INTERNAL_CALLERS": json.dumps(hashes, separators=(",", ":")),
        "MASTER_KEY": _random_key(),
        "SIGNING_SEED": _random_key(),
        "GRAFANA_ADMIN_PASSWORD": secrets.token_urlsafe(24),
    }


def env_file(environment: dict[str, str]) -> str:
    """As Docker Compose reads it; single quotes keep it from looking into the values."""
    return "".join(f"{name}='{value}'\n" for name, value in environment.items())


def write_new(path: Path, text: str) -> None:
    """Make the file, for its owner alone. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def main() -> int:
    """Write a file that is not there yet; 1 where it is."""
    parser = argparse.ArgumentParser(prog="python -P -m deploy.secrets", description=__doc__)
    parser.add_argument("file", nargs="?", default=".env", help="`-` is standard output")
    path: str = parser.parse_args().file
    text = env_file(new_environment())
    if path == _TO_STANDARD_OUTPUT:
        sys.stdout.write(text)
        return 0
    try:
        write_new(Path(path), text)
    except FileExistsError:
        sys.stderr.write(f"{path} is there already and is left as it is\n")
        return 1
    print(f"{path} written; keep a copy in a safe place")
    return 0


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


if __name__ == "__main__":
    raise SystemExit(main())
