"""The segments of one journal in order: written, the current one, and spare ones made ahead."""

import asyncio
from collections import deque
from typing import Final

from services.relay.journal.directory import JournalDirectory
from services.relay.journal.segment import Segment


class TooManySegmentsError(OSError):
    """Another segment would be more disk than the journal may take."""


class Chain:
    """Makes, rolls and disposes of segments. On the loop only, but for what it awaits."""

    def __init__(self, directory: JournalDirectory, *, segment_bytes: int, max_bytes: int) -> None:
        """Raises OSError where the disk has no room for the first segment."""
        self._directory = directory
        self.segment_bytes: Final = segment_bytes
        self._max_segments = max(2, max_bytes // segment_bytes)
        self._last_number = max(directory.segment_numbers(), default=0)
        self._being_made = 0
        self._freed: list[Segment] = []
        self.written: deque[Segment] = deque()
        self.spare: deque[Segment] = deque()
        self.current = self._make(self._next_number(), is_ahead=True)

    @property
    def used_bytes(self) -> int:
        """Disk set aside."""
        return self._count * self.segment_bytes

    @property
    def can_grow(self) -> bool:
        """Whether it may take more disk."""
        return self._count < self._max_segments

    def add_spare(self) -> None:
        """Make a spare segment at once. Raises TooManySegmentsError, OSError."""
        if not self.can_grow:
            self._dispose_of_one()
        self.spare.append(self._make(self._next_number()))

    async def add_spare_ahead(self) -> None:
        """Make a spare segment off the loop. Does nothing on a full disk."""
        if not self.can_grow:
            return
        number = self._next_number()
        self._being_made += 1
        try:
            made = await asyncio.to_thread(self._make, number, is_ahead=True)
        except OSError:
            return  # who needs it finds out again, and says so
        finally:
            self._being_made -= 1
        if made.number < self.current.number:
            self._freed.append(made)  # a reader takes them in order: it came too late
            return
        self.spare.append(made)
        self.spare = deque(sorted(self.spare, key=lambda segment: segment.number))

    def roll(self) -> None:
        """Go on in the next segment. Raises OSError where there is none and none can be made."""
        following = self.spare.popleft() if self.spare else self._make(self._next_number())
        self.written.append(self.current)
        self.current = following

    def find(self, number: int) -> Segment | None:
        """The segment that was or is appended to under this number."""
        if number == self.current.number:
            return self.current
        return next((segment for segment in self.written if segment.number == number), None)

    def following(self, number: int) -> Segment:
        """The first segment after `number`; it must not be the current one's."""
        return next((s for s in self.written if s.number > number), self.current)

    def free_oldest(self) -> None:
        """Nobody needs the oldest segment any more: `dispose` deletes it."""
        self._freed.append(self.written.popleft())

    async def dispose(self) -> None:
        """Delete what was freed, off the loop."""
        while self._freed:
            segment = self._freed[0]
            await asyncio.to_thread(segment.dispose)
            if segment in self._freed:
                self._freed.remove(segment)

    def close(self) -> None:
        """Close the files. Idempotent."""
        for segment in (*self._freed, *self.written, self.current, *self.spare):
            segment.close()

    @property
    def _count(self) -> int:
        kept = len(self.written) + 1 + len(self.spare)
        return kept + len(self._freed) + self._being_made

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _make(self, number: int, *, is_ahead: bool = False) -> Segment:
        path = self._directory.segment_path(number)
        return Segment(path, number, size=self.segment_bytes, is_ahead=is_ahead)

    def _dispose_of_one(self) -> None:
        if not self._freed:
            raise TooManySegmentsError
        self._freed.pop(0).dispose()
