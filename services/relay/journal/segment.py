"""One segment file, appended to by copying into its memory map.

Its room is set aside at once: a full disk cannot stop a completion. A copy into a shared map is in
the page cache when it is done, like a write: it survives the death of the process.
"""

import errno
import mmap
import os
import threading
from pathlib import Path
from typing import Final

from services.relay.journal.format import SEGMENT_HEADER

_FILL_BYTES: Final = 256 * 1024


class Segment:
    """A segment that can be appended to. Only its journal's lock holder may have one."""

    __slots__ = (
        "_fd",
        "_files",
        "end",
        "map",
        "number",
        "path",
        "size",
        "synced_end",
    )

    def __init__(self, path: Path, number: int, *, size: int, is_ahead: bool) -> None:
        """Make the file with all of its room. Raises OSError where the disk has none left.

        `is_ahead` also brings its pages into memory and onto the disk, which takes some 10 ms off
        the loop: an append then waits neither for a page nor for the file system to find its block.
        """
        self.path = path
        self.number = number
        self.size = size
        self._files = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._fd, 0, size)
            if is_ahead:
                self._fill_with_zeros()
            os.pwrite(self._fd, SEGMENT_HEADER, 0)
            self.map = mmap.mmap(self._fd, size)
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise
        self.end = len(SEGMENT_HEADER)
        """Where the next record begins. Who appends moves it, once the record is whole."""
        self.synced_end = 0

    @property
    def room(self) -> int:
        """Bytes that can still be appended."""
        return self.size - self.end

    def append(self, record: bytes) -> None:
        """Copy a record to the end. Raises OSError where there is no room for it."""
        end = self.end + len(record)
        if end > self.size:
            raise OSError(errno.EFBIG, "no room in the segment")
        self.map[self.end : end] = record
        self.end = end

    def read(self, offset: int, max_bytes: int) -> bytes:
        """What was appended, from `offset`."""
        return self.map[offset : min(offset + max_bytes, self.end)]

    def sync(self) -> None:
        """Put everything appended so far on the disk. Blocks: call it off the loop.

        Raises OSError. What was not on the disk then may never be: a later success says nothing.
        """
        end = self.end
        with self._files:
            if self._fd >= 0:
                os.fdatasync(self._fd)
        self.synced_end = end

    def close(self) -> None:
        """Idempotent. Waits for a sync that is under way."""
        with self._files:
            if self._fd >= 0:
                self.map.close()
                os.close(self._fd)
                self._fd = -1

    def dispose(self) -> None:
        """Close and delete it. Blocks: call it off the loop. Idempotent."""
        # While it is open, deleting only takes the name away: the pages go with the map.
        self.path.unlink(missing_ok=True)
        self.close()

    def _fill_with_zeros(self) -> None:
        # The kernel keeps what is written together in large pages, which cost less from then on.
        zeros = bytes(_FILL_BYTES)
        for offset in range(0, self.size, _FILL_BYTES):
            os.pwrite(self._fd, zeros[: self.size - offset], offset)
        os.fdatasync(self._fd)
