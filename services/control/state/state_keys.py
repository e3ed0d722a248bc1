"""The records' keys on control's state topics, and back. Pure."""

from typing import Final

from shared.events.catalog import CONTROL_DIRECTORY, CONTROL_KEYS, CONTROL_ROUTING

ROUTING: Final = CONTROL_ROUTING.name
KEYS: Final = CONTROL_KEYS.name
DIRECTORY: Final = CONTROL_DIRECTORY.name


def channel_key(channel_id: int) -> str:
    """On control.routing."""
    return f"channel:{channel_id}"


def model_key(name: str) -> str:
    """On control.routing."""
    return f"model:{name}"


def group_key(name: str) -> str:
    """On control.routing."""
    return f"group:{name}"


def limit_key(limit_id: int) -> str:
    """On control.routing."""
    return f"limit:{limit_id}"


def user_key(user_id: int) -> str:
    """On control.directory."""
    return f"user:{user_id}"


def workspace_key(workspace_id: int) -> str:
    """On control.directory."""
    return f"workspace:{workspace_id}"


def project_key(project_id: int) -> str:
    """On control.directory."""
    return f"project:{project_id}"


def listed_key(key_id: int) -> str:
    """On control.directory: a key by its id."""
    return f"key:{key_id}"


def hashed_key(key_hash: bytes) -> str:
    """On control.keys: a key by its hash."""
    return key_hash.hex()


def split_key(key: str) -> tuple[str, str]:
    """Kind and what comes after the first colon: a model's name may hold more of them."""
    kind, _, rest = key.partition(":")
    return kind, rest
