"""Completions on their way to the publisher, in memory, so that it need not read the file again.

Bounded: what finds no room here is still in the journal, and where it begins is remembered.
"""

from typing import NamedTuple, TypeAlias

from services.relay.journal.places import Place
from services.relay.journal.records import CompletedRecord

Completion: TypeAlias = tuple[Place, int, CompletedRecord]
"""A completion: where its record begins in the journal, how many are before it, and the record.

Plain, for one is made at each request: a named one takes ten times as long.
"""


class Unread(NamedTuple):
    """Where completions begin that are in the journal only, if there are any."""

    place: Place
    ordinal: int
    completed_at_us: int
    """None of them is older."""


class Taken(NamedTuple):
    """What was appended since the last time."""

    completions: list[Completion]
    unread: Unread | None
    """What comes after them and before `end`, where there was no room for all."""
    end: Unread
    """Where the next ones will be."""


class Handover:
    """What was appended and not taken yet."""

    __slots__ = ("_bytes", "_completions", "_max_bytes", "_unread", "total")

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._completions: list[Completion] = []
        self._unread: Unread | None = None
        self.total = 0
        """Completions so far."""

    def put(self, place: Place, record: CompletedRecord) -> None:
        """A completion was appended at `place`."""
        if self._bytes < self._max_bytes:
            self._bytes += len(record.value)
            self._completions.append((place, self.total, record))
        elif self._unread is None:
            self._unread = Unread(place, self.total, record.completed_at_us)
        self.total += 1

    def take(self, end: Place) -> Taken:
        """All of it; `end` is the journal's end."""
        taken = Taken(self._completions, self._unread, Unread(end, self.total, 0))
        self._completions, self._unread, self._bytes = [], None, 0
        return taken

    @property
    def oldest_us(self) -> int | None:
        """`completed_at_us` of the oldest one that was not taken."""
        if self._completions:
            return self._completions[0][2].completed_at_us
        return self._unread.completed_at_us if self._unread is not None else None
