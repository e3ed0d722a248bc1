"""Who watches requests as they happen. Each has a bounded queue; who lets it fill up is cut off."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from services.logging.live.frames import frame_of, gap_frame
from services.logging.live.matching import Matches

MAX_FRAMES: Final = 256
MAX_BYTES: Final = 256 * 1024
_AT_FIRST: Final = 4
"""So many times as much may wait for the first time: meanwhile what was missed is looked up."""
MAX_READERS: Final = 200
MAX_OF_A_USER: Final = 5


class TooManyReadersError(Exception):
    """The process has, or this user has, as many as are allowed."""


class Reader:
    """One connection's queue. `cut` is called once, when it is full."""

    def __init__(
        self, *, user_id: int | None, for_admin: bool, matches: Matches, cut: Callable[[], None]
    ) -> None:
        """`user_id`: whose requests it sees; null: everybody's."""
        self.user_id = user_id
        self.for_admin = for_admin
        self.matches = matches
        self._cut = cut
        self._frames: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._times = _AT_FIRST
        self._has_some = asyncio.Event()
        self.is_cut = False
        self.is_ended = False
        """Nothing more is told: what is queued is its last."""

    def put(self, frame: bytes, request_id: str = "") -> None:
        """Queue a frame, of one request or of none. Never waits."""
        if self.is_cut:
            return
        self._frames.append((request_id, frame))
        self._bytes += len(frame)
        self._has_some.set()
        most_frames, most_bytes = MAX_FRAMES * self._times, MAX_BYTES * self._times
        if len(self._frames) > most_frames or self._bytes > most_bytes:
            self.is_cut = True
            self._frames.clear()
            self._bytes = 0
            self._cut()

    def end(self) -> None:
        """Have it take what is queued, and no more."""
        self.is_ended = True
        self._has_some.set()

    async def take(self, *, without: Collection[str] = ()) -> bytes:
        """All that is queued, as soon as there is something, without these requests."""
        await self._has_some.wait()
        taken = b"".join([frame for of, frame in self._frames if of not in without])
        self._frames.clear()
        self._bytes = 0
        self._times = 1
        if not (self.is_cut or self.is_ended):
            self._has_some.clear()
        return taken


class Readers:
    """All readers of this process."""

    def __init__(
        self, *, max_readers: int = MAX_READERS, max_of_a_user: int = MAX_OF_A_USER
    ) -> None:
        self._max_readers = max_readers
        self._max_of_a_user = max_of_a_user
        self._of_users: dict[int, list[Reader]] = {}
        self._of_everybody: list[Reader] = []
        self._callers: Counter[int] = Counter()
        self.changed = asyncio.Event()
        """Set whenever one comes or goes."""

    def __len__(self) -> int:
        return self._callers.total()

    @contextmanager
    def joined(self, reader: Reader, *, caller_id: int) -> Iterator[None]:
        """Have `reader` told what happens. Raises TooManyReadersError.

        `caller_id` is the user who watches, whosever requests those are.
        """
        if len(self) >= self._max_readers or self._callers[caller_id] >= self._max_of_a_user:
            raise TooManyReadersError
        group = self._of_everybody
        if reader.user_id is not None:
            group = self._of_users.setdefault(reader.user_id, [])
        group.append(reader)
        self._callers[caller_id] += 1
        self.changed.set()
        try:
            yield
        finally:
            group.remove(reader)
            if reader.user_id is not None and not group:
                self._of_users.pop(reader.user_id, None)
            self._callers[caller_id] -= 1
            if not self._callers[caller_id]:
                del self._callers[caller_id]
            self.changed.set()

    def may_want(self, user_id: int) -> bool:
        """Whether anybody may see this user's requests."""
        return bool(self._of_everybody) or user_id in self._of_users

    def tell(self, row: Mapping[str, Any]) -> None:
        """Queue a request for each who asked for such. It is put into words once for each kind."""
        frames: dict[bool, bytes] = {}
        for reader in (*self._of_everybody, *self._of_users.get(row["user_id"], ())):
            if not reader.is_cut and reader.matches(row):
                frame = frames.get(reader.for_admin)
                if frame is None:
                    frame = frames[reader.for_admin] = frame_of(row, for_admin=reader.for_admin)
                reader.put(frame, row["request_id"])

    def tell_gap(self, count: int) -> None:
        """Tell all that so many events were skipped, whosever they were."""
        frame = gap_frame(count)
        for reader in self._all():
            reader.put(frame)

    def end(self) -> None:
        """Have all of them end: they come again, to another process."""
        for reader in self._all():
            reader.end()

    def _all(self) -> Iterator[Reader]:
        for group in (self._of_everybody, *self._of_users.values()):
            yield from group
