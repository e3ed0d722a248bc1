"""An event's id as sixteen bytes, whoever gave it."""

import re
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def event_uuid(event_id: str) -> str:
    """The id itself where it is a UUID, as all of ours are; else one that is derived from it.

    Deterministic, so that a table may keep 16 bytes for an id that a CloudEvent may choose freely.
    """
    if _UUID.fullmatch(event_id):
        return event_id
    return str(uuid5(NAMESPACE_URL, f"ledgerline:event:{event_id}"))


def event_bytes(event_id: str) -> bytes:
    """`event_uuid` as 16 bytes."""
    return UUID(event_uuid(event_id)).bytes
