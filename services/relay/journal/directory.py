"""The folder of one relay's journal, and the lock that says whose it is.

`<root>/<relay id>/` holds `lock`, numbered segments and `published`. Whoever holds the lock may
read and write the rest, and nobody else: a relay for as long as it lives, then who recovers it.
"""

import fcntl
import os
import shutil
import threading
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, Self

import orjson

_LOCK: Final = "lock"
_PUBLISHED: Final = "published"
QUARANTINE: Final = "quarantine"
_MAKING_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """Everything before this place is on Kafka, `count` events in all."""

    segment: int = 0
    offset: int = 0
    count: int = 0
    marked_until_us: int = 0
    """No mark of this relay said that it had published further than this: Unix microseconds."""


class JournalDirectory:
    """A locked journal folder."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self.relay_id = path.name
        self._lock_fd = lock_fd

    @classmethod
    def create(cls, root: Path, relay_id: str) -> Self:
        """A new folder, locked before anybody can see it under its name."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = root / f".{relay_id}"
        hidden.mkdir(mode=0o700)
        lock_fd = _lock(hidden, flags=os.O_CREAT)
        if lock_fd is None:
            msg = "somebody locked a journal folder that was just made"
            raise RuntimeError(msg)
        hidden.rename(root / relay_id)
        return cls(root / relay_id, lock_fd)

    @classmethod
    def take_over(cls, root: Path) -> list[Self]:
        """Every folder whose relay is gone; those of living ones are left alone."""
        taken = []
        for path in sorted(root.iterdir()) if root.is_dir() else []:
            if not path.is_dir() or path.name == QUARANTINE or _is_being_made(path):
                continue
            lock_fd = _lock(path)
            if lock_fd is None:
                continue
            if not path.is_dir():  # its recoverer removed it while we waited for the lock
                os.close(lock_fd)
                continue
            if path.name.startswith("."):
                # Its relay died before it wrote anything.
                os.close(lock_fd)
                shutil.rmtree(path, ignore_errors=True)
                continue
            taken.append(cls(path, lock_fd))
        return taken

    def segment_path(self, number: int) -> Path:
        """Where a segment lies."""
        return self.path / f"{number:08d}.segment"

    def segment_numbers(self) -> list[int]:
        """The segments that are there, oldest first."""
        return sorted(int(path.stem) for path in self.path.glob("*.segment"))

    def quarantine(self, number: int) -> Path:
        """Put a damaged segment aside for a person to look at; returns where it is now."""
        aside = self.path.parent / QUARANTINE
        aside.mkdir(exist_ok=True, mode=0o700)
        target = aside / f"{self.relay_id}-{number:08d}.segment"
        shutil.copyfile(self.segment_path(number), target)
        return target

    def read_published(self) -> Published:
        """How far publication came, as far as it was written down."""
        try:
            return Published(*orjson.loads((self.path / _PUBLISHED).read_bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
            return Published()

    def write_published(self, published: Published) -> None:
        """Whole or not at all."""
        # A stop may write while a thread that was given up still does.
        temporary = self.path / f".{_PUBLISHED}.{threading.get_ident()}"
        temporary.write_bytes(orjson.dumps(astuple(published)))
        temporary.replace(self.path / _PUBLISHED)

    def remove(self) -> None:
        """Delete the folder: everything in it is on Kafka. Gives up the lock.

        It goes under its hidden name first: nobody takes a folder over that is half deleted.
        """
        hidden = self.path.with_name(f".{self.relay_id}")
        self.path.rename(hidden)
        shutil.rmtree(hidden)
        self.unlock()

    def unlock(self) -> None:
        """Idempotent. The folder is then anybody's to recover."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def _is_being_made(path: Path) -> bool:
    """A hidden folder is a relay's that is about to lock it, unless it died right then."""
    try:
        return path.name.startswith(".") and time.time() - path.stat().st_mtime < _MAKING_S
    except FileNotFoundError:
        return True


def _lock(path: Path, *, flags: int = 0) -> int | None:
    # Only its creator makes the lock: one made anew would say nothing about who has the old one.
    try:
        fd = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
