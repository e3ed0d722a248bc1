"""Which requests are asked for, as a WHERE clause. Pure: values never enter its text."""

import re
from dataclasses import dataclass, fields
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.statement_parts import Values, is_like, request_row
from shared.events.ids import event_uuid

STATUS_CLASS: Final = re.compile(r"([1-5])xx", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilters:
    """Conditions that all hold; None is no condition."""

    since: int | None = None
    to: int | None = None
    model: str | None = None
    status: str | None = None
    outcome: str | None = None
    error_code: str | None = None
    user_id: int | None = None
    workspace_id: int | None = None
    project_id: int | None = None
    key_id: int | None = None
    provider_id: int | None = None
    channel_id: int | None = None
    method: str | None = None
    path: str | None = None
    is_stream: bool | None = None
    min_latency_ms: int | None = None
    client_ip: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    upstream_request_id: str | None = None

    @property
    def is_led(self) -> bool:
        """Whether those of one user, key or workspace are asked for: each has an index."""
        leading = (self.user_id, self.key_id, self.workspace_id)
        of_one = (self.request_id, self.upstream_request_id, self.trace_id)
        return any(id_ is not None for id_ in leading) and all(id_ is None for id_ in of_one)


_COUNTED: Final = frozenset(
    {"since", "to", "model", "user_id", "workspace_id", "key_id", "channel_id"}
)
"""What the counts of the log know of a request."""


def counted(filters: RequestFilters) -> Filters | None:
    """The same as a filter of the log, whose rows are counted; null where counts know no such."""
    given = {each.name for each in fields(filters) if getattr(filters, each.name) is not None}
    if given - _COUNTED:
        return None
    return Filters(
        is_request=True,
        start_timestamp=filters.since,
        end_timestamp=filters.to,
        model_name=filters.model,
        user_id=filters.user_id,
        workspace_id=filters.workspace_id,
        token_id=filters.key_id,
        channel_id=filters.channel_id,
    )


EQUAL: Final = (
    ("user_id", "user_id", "bigint"),
    ("workspace_id", "workspace_id", "bigint"),
    ("project_id", "project_id", "bigint"),
    ("token_id", "key_id", "bigint"),
    ("provider_id", "provider_id", "bigint"),
    ("channel_id", "channel_id", "bigint"),
    ("outcome", "outcome", "text"),
    ("error_code", "error_code", "text"),
    ("method", "method", "text"),
    ("path", "path", "text"),
    ("is_stream", "is_stream", "boolean"),
    ("ip", "client_ip", "text"),
    ("upstream_request_id", "upstream_request_id", "text"),
    ("trace_id", "trace_id", "uuid"),
)
"""What is compared as it is: column, filter and the column's type."""


def where(filters: RequestFilters, values: Values) -> str:
    """The clause. Adds its parameters to `values`, and counts on from those that are there."""
    terms, of = [request_row()], values.place
    for column, name, kind in EQUAL:
        value = getattr(filters, name)
        if value is not None:
            terms.append(f"{column} = {of(value, kind)}")
    if filters.upstream_request_id is not None:
        terms.append("upstream_request_id <> ''")  # as the index has it
    if filters.model is not None:
        terms.append(is_like("model_name", filters.model, values))
    if filters.status is not None:
        least, most = status_range(filters.status)
        terms.append(f"status_code BETWEEN {of(least, 'smallint')} AND {of(most, 'smallint')}")
    if filters.min_latency_ms is not None:
        terms.append(f"latency_ms >= {of(filters.min_latency_ms, 'bigint')}")
    if filters.request_id is not None:
        event_id = of(event_uuid(filters.request_id), "uuid")
        terms.append(f"event_id = {event_id} AND request_id = {of(filters.request_id, 'text')}")
    return " AND ".join(terms)


def status_range(status: str) -> tuple[int, int]:
    """The first and the last that are meant."""
    of_class = STATUS_CLASS.fullmatch(status)
    if of_class is None:
        return int(status), int(status)
    least = int(of_class[1]) * 100
    return least, least + 99
