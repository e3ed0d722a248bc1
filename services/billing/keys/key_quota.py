"""What a key may spend, as control tells it. Pure."""

from typing import NamedTuple

from shared.events.directory import KeyListed


class KeyQuota(NamedTuple):
    """One setting of a key's quota."""

    key_id: int
    workspace_id: int
    remain_units: int | None
    """What it may spend from the setting on, in quota units; None: without a limit."""
    version: int


def quota_of(event: KeyListed) -> KeyQuota | None:
    """The setting; None where nobody has ever set one, and there is nothing to keep."""
    if event.unlimited_quota and event.quota_version == 0:
        return None
    return KeyQuota(
        event.key_id,
        event.workspace_id,
        None if event.unlimited_quota else event.remain_quota,
        event.quota_version,
    )
