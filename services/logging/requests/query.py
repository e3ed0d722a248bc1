"""The query strings of the calls that show requests. Pure."""

import re
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from services.logging.listing.cursors import Place, place_of
from services.logging.parameters import Parameters, UnixSeconds, page_size_of
from services.logging.requests.filters import STATUS_CLASS, RequestFilters
from shared.events.numbers import MAX_ID, MAX_MS
from shared.events.requests import Outcome
from shared.events.text import Address, Code, Line, ModelName

_STATUS: Final = re.compile(r"[1-9][0-9]{2}", re.ASCII)
_TRACE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _status(value: str | None) -> str | None:
    if value is not None and not (STATUS_CLASS.fullmatch(value) or _STATUS.fullmatch(value)):
        raise ValueError("a status such as 429, or a class such as 5xx, is needed")
    return value


def _trace(value: str | None) -> str | None:
    if value is None:
        return None
    trace = value.lower().replace("-", "")
    if not _TRACE.fullmatch(trace):
        raise ValueError("a trace id of 32 hex digits is needed")
    return str(UUID(trace))


def _cursor(value: str | None) -> str | None:
    if value is not None:
        place_of(value)
    return value


_Id = Annotated[int | None, Field(ge=0, le=MAX_ID)]
_Status = Annotated[str | None, AfterValidator(_status)]
_Trace = Annotated[str | None, AfterValidator(_trace)]
_Cursor = Annotated[str | None, Field(max_length=64), AfterValidator(_cursor)]


class RequestFilterQuery(Parameters):
    """What a request must be to be shown. Nothing is filtered by what is not given."""

    from_: UnixSeconds = Field(default=None, alias="from")
    """Unix seconds, included."""
    to: UnixSeconds = None
    """Unix seconds, included."""
    model: ModelName | None = None
    """Exact, or with `%` for any run of characters."""
    status: _Status = None
    """`429`, or `5xx`."""
    outcome: Outcome | None = None
    error_code: Code | None = None
    user_id: _Id = None
    workspace_id: _Id = None
    project_id: _Id = None
    key_id: _Id = None
    provider_id: _Id = None
    channel_id: _Id = None
    method: Code | None = None
    path: Line | None = None
    is_stream: bool | None = None
    min_latency_ms: Annotated[int | None, Field(ge=0, le=MAX_MS)] = None
    client_ip: Address | None = None
    trace_id: _Trace = None
    request_id: Line | None = None
    upstream_request_id: Line | None = None

    def filters(self) -> RequestFilters:
        """The conditions, whoever asks."""
        given = self.model_dump(exclude={"from_", "cursor", "page_size", "format"})
        return RequestFilters(since=self.from_, **given)


class RequestQuery(RequestFilterQuery):
    """A page of them: from the newest on, or from the `next_cursor` of the page before."""

    page_size: Annotated[int | None, Field(le=MAX_ID)] = None
    cursor: _Cursor = None

    @property
    def size(self) -> int:
        """How many a page has."""
        return page_size_of(self.page_size)

    @property
    def place(self) -> Place | None:
        """Where the page before ended."""
        return None if self.cursor is None else place_of(self.cursor)


class ExportQuery(RequestFilterQuery):
    """All of them as a file."""

    format: Literal["csv", "jsonl"] = "csv"
