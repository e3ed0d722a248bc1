import asyncio
import threading
from collections.abc import Callable
from typing import Any

import argon2
import pytest

from services.control.sessions.passwords import Passwords
from shared.http.envelope import EnvelopeError

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class _Slow(argon2.PasswordHasher):
    """Stands still until it is let go; counts what it verifies."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.let_go = threading.Event()
        self.verified: list[Any] = []

    def verify(self, hash: Any, password: Any) -> Any:  # noqa: A002 - the parent's name
        self.let_go.wait(10)
        self.verified.append(hash)
        return super().verify(hash, password)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # what is waited for happens in threads
            await asyncio.sleep(0.001)


async def test_right_and_wrong() -> None:
    async with Passwords(workers=1, queue=1, hasher=CHEAP) as passwords:
        kept = await passwords.hash("correct horse")
        assert kept != await passwords.hash("correct horse")
        assert await passwords.matches(kept, "correct horse")
        assert not await passwords.matches(kept, "battery staple")
        assert not await passwords.matches("not a hash", "correct horse")


async def test_nobody_is_worked_for_as_much_as_somebody() -> None:
    hasher = _Slow()
    hasher.let_go.set()
    async with Passwords(workers=1, queue=1, hasher=hasher) as passwords:
        assert not await passwords.matches(None, "whatever")
        (kept,) = hasher.verified
        assert kept.startswith("$argon2id$")


async def test_more_than_may_wait_are_told_to_come_back() -> None:
    hasher = _Slow()
    async with Passwords(workers=1, queue=2, hasher=hasher) as passwords:
        kept = CHEAP.hash("x")
        waiting = [asyncio.create_task(passwords.matches(kept, "x")) for _ in range(3)]
        await _until(lambda: passwords.waiting == 2)
        with pytest.raises(EnvelopeError) as refused:
            await passwords.matches(kept, "x")
        assert refused.value.http_status == 429
        hasher.let_go.set()
        assert await asyncio.gather(*waiting) == [True, True, True]
        assert passwords.waiting == 0
        assert await passwords.matches(kept, "x")


async def test_a_caller_who_leaves_still_holds_a_place_until_the_thread_is_done() -> None:
    """Else a flood of callers that hang up would queue work without a bound."""
    hasher = _Slow()
    async with Passwords(workers=1, queue=1, hasher=hasher) as passwords:
        kept = CHEAP.hash("x")
        leaving = [asyncio.create_task(passwords.matches(kept, "x")) for _ in range(2)]
        await _until(lambda: passwords.waiting == 1)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        with pytest.raises(EnvelopeError):
            await passwords.matches(kept, "x")
        hasher.let_go.set()
        await _until(lambda: len(hasher.verified) == 2)
