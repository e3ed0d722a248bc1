"""What the calls of `/api/usage` are asked for, from a query string. Pure."""

from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from services.logging.parameters import MAX_PAGE_SIZE, Parameters, UnixSeconds
from services.logging.usage.measures import METRICS, USUAL
from services.logging.usage.places import Place, place_of
from services.logging.usage.spans import DAY_S, Interval
from shared.events.numbers import MAX_ID
from shared.events.text import Line, ModelName

MAX_POINTS: Final = 5_000
_LATELY_S: Final = {Interval.HOUR: DAY_S, Interval.DAY: 30 * DAY_S}
_MAX_TEXT: Final = 256
_MAX_CURSOR: Final = 1_024
"""Five ids and the longest model, of the longest characters, take 848."""


class Dimension(StrEnum):
    """What usage is told apart by."""

    WORKSPACE = "workspace"
    PROJECT = "project"
    KEY = "key"
    USER = "user"
    PROVIDER = "provider"
    MODEL = "model"


class Order(StrEnum):
    """What the largest is the largest of."""

    SPEND = "spend"
    REQUESTS = "requests"
    TOKENS = "tokens"
    ERRORS = "errors"


def _zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone, such as Europe/Berlin") from None
    return name


def _names(text: str) -> tuple[str, ...]:
    """Names with commas; the order is the caller's, and a repeated one counts once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _metrics(text: str) -> str:
    if not set(_names(text)) <= set(METRICS):
        raise ValueError("knows no such metric; the documentation lists them")
    return text


def _dimensions(text: str) -> str:
    if not set(_names(text)) <= set(Dimension):
        raise ValueError(f"these are told apart: {', '.join(Dimension)}")
    return text


_Id = Annotated[int | None, Field(ge=1, le=MAX_ID)]
_Metrics = Annotated[str, Field(max_length=2_000), AfterValidator(_metrics)]
_Dimensions = Annotated[str, Field(max_length=_MAX_TEXT), AfterValidator(_dimensions)]


class UsageQuery(Parameters):
    """Whose usage, and of when. What is left out is not filtered."""

    from_: UnixSeconds = Field(default=None, alias="from")
    """Unix seconds; the hour or the day that it lies in is told whole."""
    to: UnixSeconds = None
    """Unix seconds, without that moment itself; left out: now."""
    workspace_id: _Id = None
    project_id: _Id = None
    key_id: _Id = None
    user_id: _Id = None
    """For an admin; others ask for themselves."""
    provider_id: _Id = None
    model: ModelName | None = None
    """Exact, or with `%` for any run of characters."""

    def span(self, now: int, lately_s: int) -> tuple[int, int]:
        """The time that is asked for; where nothing is said, the last `lately_s`."""
        upper = now if self.to is None else self.to
        return (max(0, upper - lately_s) if self.from_ is None else self.from_), upper


class SeriesQuery(UsageQuery):
    """Over time."""

    interval: Interval = Interval.DAY
    by: Dimension | None = None
    metrics: _Metrics = ""
    """Names with commas, in the order in which they are to be told; left out: the usual ones."""
    timezone: Annotated[Line | None, AfterValidator(_zone)] = None
    """Of the days; left out: UTC."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 10
    """With `by`: so many of the largest by spend, each with a series of its own."""

    @property
    def told(self) -> tuple[str, ...]:
        """The metrics that are asked for."""
        return _names(self.metrics) or USUAL

    def lately(self, now: int) -> tuple[int, int]:
        """The time that is asked for."""
        return self.span(now, _LATELY_S[self.interval])


class TopQuery(UsageQuery):
    """The largest."""

    by: Dimension
    order: Order = Order.SPEND
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 10


def _place(cursor: str | None) -> str | None:
    if cursor is not None:
        place_of(cursor)
    return cursor


class RowsQuery(UsageQuery):
    """A page of rollup rows, newest first."""

    by: _Dimensions = ""
    """With commas: rows that are alike in these are added up; left out: each row by itself."""
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = MAX_PAGE_SIZE
    cursor: Annotated[str | None, Field(max_length=_MAX_CURSOR), AfterValidator(_place)] = None
    """`next_cursor` of the page before."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What rows are added up by; none: they are not."""
        return tuple(Dimension(name) for name in _names(self.by))

    @property
    def place(self) -> Place | None:
        """After which row it goes on."""
        return None if self.cursor is None else place_of(self.cursor)
