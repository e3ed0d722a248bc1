"""Passwords: argon2 in a bounded pool of threads, and as much work for a name that nobody has."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from shared.http.envelope import EnvelopeError

_BUSY: Final = "too many are signing in right now; try again in a moment"
_T = TypeVar("_T")


class Passwords:
    """Hashes and checks passwords. An async context manager; its threads end with the block."""

    def __init__(
        self, *, workers: int, queue: int, hasher: argon2.PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._workers = workers
        self._max_in_hand = workers + queue
        self._in_hand = 0
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="argon2")
        self._nobodys_hash = ""

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return max(0, self._in_hand - self._workers)

    async def __aenter__(self) -> Self:
        self._nobodys_hash = await self.hash(secrets.token_urlsafe())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises EnvelopeError 429 where too many wait."""
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, kept_hash: str | None, password: str) -> bool:
        """Whether it is the password. None, for nobody, takes as long and is never right.

        Raises EnvelopeError 429 where too many wait.
        """
        is_right = await self._in_thread(self._verify, kept_hash or self._nobodys_hash, password)
        return is_right and kept_hash is not None

    def _verify(self, kept_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        if self._in_hand >= self._max_in_hand:
            raise EnvelopeError(_BUSY, http_status=429)
        self._in_hand += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        # Counted until the thread is done, not until the caller lost patience.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._in_hand -= 1
        if not future.cancelled():
            future.exception()
