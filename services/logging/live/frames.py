"""Server-sent events, as the WHATWG's HTML standard writes them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.logging.requests.shown import item_of

RETRY_MS: Final = 3_000
OPENING: Final = b"retry: %d\n\n" % RETRY_MS
"""How long a browser waits before it connects again."""
HEARTBEAT: Final = b": \n\n"
"""A comment: it says that nobody has gone away."""


def frame_of(row: Mapping[str, Any], *, for_admin: bool) -> bytes:
    """The event of one request. Its id is where a reader who comes again goes on."""
    item = orjson.dumps(item_of(row, for_admin=for_admin))
    event_id = f"{row['created_at']}-{row['request_id']}".encode()
    return b"id: %b\nevent: request\ndata: %b\n\n" % (event_id, item)


def gap_frame(count: int | None) -> bytes:
    """So many events were not shown: the stream could not keep up. None: nobody counted them."""
    return b'event: gap\ndata: {"skipped":%b}\n\n' % orjson.dumps(count)


def seen_until(event_id: str) -> int | None:
    """The Unix second of the last event that a reader saw; null where it is no id of ours."""
    second, _, request_id = event_id.partition("-")
    is_ours = second.isascii() and second.isdecimal() and len(second) <= len(str(2**40))
    return int(second) if is_ours and request_id else None
