"""The `Authorization` header, as clients of all kinds write it."""

from collections.abc import Mapping


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """What it shows; `Bearer ` is optional. None where there is none."""
    authorization = headers.get("Authorization")
    if not authorization:
        return None
    scheme, _, rest = authorization.partition(" ")
    return (rest if scheme.lower() == "bearer" else authorization).strip() or None
