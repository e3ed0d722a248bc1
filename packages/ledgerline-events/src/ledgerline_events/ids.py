"""What an event's id says: it is a UUIDv7, which begins with its time."""

from datetime import datetime


def first_id_at(moment: datetime) -> str:
    """What the ids of events from this moment on are not below, as text. Raises ValueError.

    An id's time is that of the request's beginning or of the entry's posting.
    """
    if moment.tzinfo is None:
        raise ValueError("the moment needs a time zone")
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-"
