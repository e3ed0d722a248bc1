"""What the documentation says of a call. Each service has a table of them beside its routes.

The OpenAPI document is made from these tables (`python -P -m operations.openapi`), a test holds
them against the routes, and Schemathesis holds them against the answers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

_Item = TypeVar("_Item")


class Who(StrEnum):
    """Who may make a call."""

    ANYONE = "anyone"
    KEY = "an API key"
    USER = "a user"
    """With a session or an access token."""
    USER_OR_KEY = "a user, or an API key"
    ADMIN = "an admin"


class Answer(StrEnum):
    """What an answer is wrapped in."""

    ENVELOPE = "envelope"
    """`{"success", "message", "data"}`; a failure has `success: false` and no data."""
    BARE = "bare"
    """The data itself, for tools that know no envelope."""
    CSV = "csv"
    """Lines of comma-separated values; a failure has the envelope."""
    LINES = "lines"
    """Such lines, or JSON Lines; a failure has the envelope."""
    EVENTS = "events"
    """Server-sent events, for minutes; a failure has the envelope."""


class Page(BaseModel, Generic[_Item]):
    """A page of a list."""

    items: list[_Item]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One call."""

    method: str
    path: str
    """With `{name}` for what varies, as OpenAPI writes it."""
    summary: str
    who: Who
    query: type[BaseModel] | None = None
    """The model that reads the query string."""
    body: type[BaseModel] | None = None
    """The model that reads the JSON body."""
    data: Any = None
    """The type of the answer's data, as pydantic reads types; None: there is none."""
    answer: Answer = Answer.ENVELOPE
    statuses: tuple[str, ...] = ()
    """What it answers beside what every call of its kind may answer."""
    path_types: tuple[tuple[str, str], ...] = ()
    """Variables of the path that are not integers: name and pattern (a regular expression)."""
