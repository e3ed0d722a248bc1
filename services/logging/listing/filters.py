"""What a list of log rows is asked for: the filters and the page, from a query string. Pure."""

import re
from dataclasses import dataclass, fields
from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from services.logging.listing.cursors import Place, place_of
from services.logging.parameters import DEFAULT_PAGE_SIZE, MAX_TIMESTAMP, page_size_of
from shared.events.numbers import MAX_ID

_MAX_PAGE: Final = 10**9
_RANGE: Final = frozenset({"start_timestamp", "end_timestamp"})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
# As in shared.events.text: no stored value has these, and PostgreSQL refuses some of them.
_UNSAFE: Final = re.compile("[\u0000-\u001f\u007f\ud800-\udfff]")


def _integer(value: object) -> object:
    """An empty parameter is one that was not given: forms send every field."""
    if not isinstance(value, str) or not value.strip():
        return 0
    if _INTEGER.fullmatch(value.strip()) is None:
        raise ValueError("an integer is needed")
    return int(value)


def _text(value: object) -> object:
    if isinstance(value, str) and _UNSAFE.search(value):
        raise ValueError("has characters that no log row has")
    return value


def _cursor(value: object) -> object:
    if isinstance(value, str) and value.strip():
        place_of(value)
        return value
    return ""


_Integer = Annotated[int, Field(ge=-MAX_ID, le=MAX_ID), BeforeValidator(_integer)]
_Page = Annotated[int, Field(le=_MAX_PAGE), BeforeValidator(_integer)]
_Text = Annotated[str, Field(max_length=256), BeforeValidator(_text)]
_Cursor = Annotated[str, Field(max_length=64), BeforeValidator(_cursor)]


class PageQuery(BaseModel):
    """Which page of a list is asked for."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    p: _Page = 1
    page_size: _Integer = Field(
        default=DEFAULT_PAGE_SIZE, validation_alias=AliasChoices("page_size", "ps", "size")
    )

    def page(self) -> "Page":
        """The page asked for, within what is allowed: from 1, and a size as is allowed."""
        return Page(number=max(1, self.p), size=page_size_of(self.page_size))


class ListQuery(PageQuery):
    """The query parameters of every list of rows. 0 and empty mean: not filtered."""

    type: _Integer = 0
    start_timestamp: _Integer = 0
    end_timestamp: _Integer = 0
    username: _Text = ""
    token_name: _Text = ""
    model_name: _Text = ""
    channel: _Integer = 0
    group: _Text = ""
    request_id: _Text = ""
    upstream_request_id: _Text = ""
    cursor: _Cursor = ""
    """Where the last page ended (`next_cursor`)."""

    def after(self) -> Place | None:
        """The place behind which the page begins, whatever `p` says; None: as `p` says."""
        return place_of(self.cursor) if self.cursor else None

    def filters(self) -> "Filters":
        """What the rows must match, whoever asks."""
        return Filters(
            type=self.type or None,
            start_timestamp=self.start_timestamp or None,
            end_timestamp=self.end_timestamp or None,
            username=self.username or None,
            token_name=self.token_name or None,
            model_name=self.model_name or None,
            channel_id=self.channel or None,
            group=self.group or None,
            request_id=self.request_id or None,
            upstream_request_id=self.upstream_request_id or None,
        )


class SearchQuery(ListQuery):
    """A list's parameters, and what to look for."""

    keyword: _Text = ""


class CleanUpQuery(BaseModel):
    """Up to when rows are deleted. 0: not said."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    target_timestamp: Annotated[int, Field(le=MAX_TIMESTAMP), BeforeValidator(_integer)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list."""

    number: int
    """From 1."""
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions that all hold; None is no condition."""

    user_id: int | None = None
    token_id: int | None = None
    type: int | None = None
    start_timestamp: int | None = None
    """Unix seconds, included."""
    end_timestamp: int | None = None
    """Unix seconds, included."""
    username: str | None = None
    token_name: str | None = None
    model_name: str | None = None
    """Exact, or with `%` for any run of characters."""
    channel_id: int | None = None
    group: str | None = None
    request_id: str | None = None
    upstream_request_id: str | None = None
    workspace_id: int | None = None
    model_names: tuple[str, ...] | None = None
    """Any of these; beside `model_name`."""
    is_request: bool = False
    """Only requests' own rows."""

    def columns(self) -> frozenset[str]:
        """The names of the conditions that are set, but for the range of time."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        # An id of 0 is a condition.
        return frozenset(name for name, v in values if v is not None and v is not False) - _RANGE
