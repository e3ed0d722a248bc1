"""What whoever keeps the rows has to offer: PostgreSQL today, another engine where rows outgrow it.

Only rows. Counts, usage, horizons and watermarks stay in PostgreSQL, in the transaction that knows
what was new; whatever is asked of the log is decided from them, and rows are read where they lie.
docs/scale.md says what an engine beside it would do for each of these.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeVar

from services.logging.listing.cursors import Place
from services.logging.listing.filters import Filters
from services.logging.listing.moments import Moment
from services.logging.listing.places import Walk
from services.logging.partitions.spans import Span
from services.logging.requests.filters import RequestFilters
from services.logging.rows.rows import LogRow

_Session_contra = TypeVar("_Session_contra", contravariant=True)
"""A connection of the engine, in its transaction where it has such."""
_Partition_co = TypeVar("_Partition_co", covariant=True)


class WriteRows(Protocol[_Session_contra]):
    """Writes the rows whose event has none yet, and answers them. Repeatable."""

    def __call__(
        self, session: _Session_contra, rows: Sequence[LogRow], /
    ) -> Awaitable[Sequence[LogRow]]:
        """What was new is added up by the caller; what was not is not."""


class KnownEvents(Protocol[_Session_contra]):
    """Which of these events have a row, whatever its time."""

    def __call__(
        self, session: _Session_contra, event_ids: Sequence[str], /
    ) -> Awaitable[set[str]]:
        """Asked for the few that may come with two times."""


class WalkRows(Protocol[_Session_contra]):
    """Rows of a list: counts have said between which times, and how many of them to pass over."""

    def __call__(
        self, session: _Session_contra, filters: Filters, moment: Moment, way: Walk, /
    ) -> Awaitable[list[dict[str, Any]]]:
        """Newest first."""


class RestOfSecond(Protocol[_Session_contra]):
    """What is left of the second in which a cursor lies."""

    def __call__(
        self,
        session: _Session_contra,
        filters: Filters,
        moment: Moment,
        after: Place,
        limit: int,
        /,
    ) -> Awaitable[list[dict[str, Any]]]:
        """Newest first."""


class ReadRequests(Protocol):
    """Rows of requests by any filter, a stretch of time after the other."""

    def stretch(
        self,
        filters: RequestFilters,
        *,
        lower: int,
        before: Place,
        limit: int,
        timeout_ms: int | None = None,
    ) -> Awaitable[Sequence[dict[str, Any]]]:
        """At most `limit` from `lower` on and before a place, newest first."""

    def count(
        self, filters: RequestFilters, *, at_most: int, timeout_ms: int | None = None
    ) -> Awaitable[int]:
        """How many there are, for filters of which there are no counts."""

    def find(self, request_id: str, *, lower: int, upper: int) -> Awaitable[dict[str, Any] | None]:
        """One, where it ended in [lower, upper)."""


class ListPartitions(Protocol[_Session_contra, _Partition_co]):
    """Which stretches of time there are."""

    def __call__(
        self, session: _Session_contra, parent: str, /
    ) -> Awaitable[Sequence[_Partition_co]]:
        """The oldest first."""


class MakePartition(Protocol[_Session_contra]):
    """Sees to it that a stretch of time can be written."""

    def __call__(self, session: _Session_contra, parent: str, span: Span, /) -> Awaitable[bool]:
        """Whether it had to. Repeatable."""


class DropPartition(Protocol[_Session_contra]):
    """Drops a stretch of time that lies before the horizon, at once and as a whole."""

    def __call__(self, session: _Session_contra, parent: str, name: str, /) -> Awaitable[bool]:
        """Whether it was there. Repeatable."""
