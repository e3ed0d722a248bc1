"""One segment file. Its room is set aside at once: a full disk cannot stop a completion."""

import os
from pathlib import Path

from services.relay.journal.format import SEGMENT_HEADER


class Segment:
    """A segment that can be appended to. Only its journal's lock holder may have one."""

    def __init__(self, path: Path, number: int, *, size: int) -> None:
        """Make the file with all of its room. Raises OSError where the disk has none left."""
        self.path = path
        self.number = number
        self.size = size
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._fd, 0, size)
            os.pwrite(self._fd, SEGMENT_HEADER, 0)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise
        self.end = len(SEGMENT_HEADER)
        self.synced_end = 0

    @property
    def room(self) -> int:
        """Bytes that can still be appended."""
        return self.size - self.end

    def append(self, data: bytes) -> None:
        """Write at the end. A short write is finished or taken back. Raises OSError."""
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], self.end + written)
        except OSError:
            # A length of zero is the end of a segment: what was written of this record is undone.
            os.pwrite(self._fd, b"\0" * written, self.end)
            raise
        self.end += len(data)

    def read(self, offset: int, max_bytes: int) -> bytes:
        """What was appended, from `offset`."""
        return os.pread(self._fd, min(max_bytes, self.end - offset), offset)

    def sync(self) -> None:
        """Put everything appended so far on the disk. Blocks: call it off the loop."""
        end = self.end
        os.fdatasync(self._fd)
        self.synced_end = end

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
