"""What single rows are, by definition and not by how the service reckons it. Pure."""

import json
from typing import Any, Final

from services.logging.listing.filters import Filters
from services.logging.rows.rows import LogRow
from shared.events.ids import event_uuid

_REQUESTS: Final = (2, 4)
_TYPE_WORDS: Final = {
    "1": 1, "recharge": 1, "top-up": 1,
    "2": 2, "consumption": 2, "consume": 2,
    "3": 3, "management": 3, "manage": 3,
    "4": 4, "error": 4,
    "5": 5, "system": 5,
}  # fmt: skip


def is_request(row: LogRow) -> bool:
    """Whether it is a request's row: a refund is of type 2 or 4 as well, and has no group."""
    return row.type in _REQUESTS and row.group != ""


def tokens_of(row: LogRow) -> int:
    """In and out; what is no request used none."""
    return row.prompt_tokens + row.completion_tokens if is_request(row) else 0


def told_of(row: LogRow) -> dict[str, Any]:
    """The row's own `other`."""
    told: dict[str, Any] = json.loads(row.other)
    return told


def matches(row: LogRow, filters: Filters) -> bool:
    """Whether a row is in a list with these filters, its range included."""
    exact: tuple[tuple[object, object], ...] = (
        (filters.user_id, row.user_id),
        (filters.token_id, row.token_id),
        (filters.type, row.type),
        (filters.username, row.username),
        (filters.token_name, row.token_name),
        (filters.channel_id, row.channel_id),
        (filters.group, row.group),
        # Asked for by some lists alone.
        (getattr(filters, "workspace_id", None), row.workspace_id),
        (getattr(filters, "upstream_request_id", None), row.upstream_request_id),
    )
    return (
        all(wanted is None or wanted == there for wanted, there in exact)
        and (filters.start_timestamp is None or row.created_at >= filters.start_timestamp)
        and (filters.end_timestamp is None or row.created_at <= filters.end_timestamp)
        and (filters.model_name is None or is_named(row.model_name, filters.model_name))
        and (filters.request_id is None or _is_of_request(row, filters.request_id))
    )


def is_named(name: str, wildcard: str) -> bool:
    """Whether a name is the one asked for, in which each `%` is any run of characters."""
    first, *others = wildcard.split("%")
    if not others:
        return name == first
    *between, last = others
    if not name.startswith(first):
        return False
    place = len(first)
    for part in between:
        found = name.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(name) - len(last) >= place and name.endswith(last)


def says(row: LogRow, keyword: str) -> bool:
    """Whether a search for the keyword finds the row."""
    lowered = keyword.lower()
    return (
        lowered in row.content.lower()
        or lowered in row.model_name.lower()
        or _TYPE_WORDS.get(lowered.strip()) == row.type
    )


def _is_of_request(row: LogRow, request_id: str) -> bool:
    """A request's own row; of what is no request, refunds among it, whatever names the id."""
    is_its_own = not is_request(row) or row.event_id == event_uuid(request_id)
    return row.request_id == request_id and is_its_own
