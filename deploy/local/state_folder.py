"""The state folder of a stack, and the lock that keeps it to one stack at a time."""

import fcntl
import os
import shutil
from pathlib import Path

_LOCK_NAME = "stack.lock"


class StateFolderInUseError(RuntimeError):
    """Another stack runs in this state folder."""


class StateFolder:
    """A folder held by at most one process; the kernel lets go of it when that process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Make the folder and hold it; raises StateFolderInUseError when another does.

        May be repeated by its holder.
        """
        if self._descriptor is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StateFolderInUseError(
                f"a stack is already running in {self.path}; stop it first (Ctrl-C in its terminal)"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; may be repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def delete(self) -> None:
        """Throw all the state away; raises StateFolderInUseError while a stack runs in it."""
        if not self.path.exists():
            return
        self.acquire()
        try:
            shutil.rmtree(self.path)
        finally:
            self.release()
