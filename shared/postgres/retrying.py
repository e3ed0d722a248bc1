"""Transactions that are tried again when another one was in the way or the session was lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.postgres.failures import (
    Failure,
    classify,
    describe_error,
    is_connection_lost,
)

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy

_T = TypeVar("_T")

_FIRST_BACKOFF_S = 0.01
_MAX_BACKOFF_S = 1.0

__all__ = [
    "DATABASE_AWAY",
    "CommitUnknownError",
    "Connection",
    "backoff_s",
    "describe_error",
    "in_transaction",
]


class CommitUnknownError(Exception):
    """The session was lost while it committed: the work may be done or not.

    Work that is idempotent may simply be asked for again.
    """


DATABASE_AWAY: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    CommitUnknownError,
)
"""What a task that runs on may meet while the database is away or busy: it waits and goes on."""


async def in_transaction(
    pool: asyncpg.Pool,
    work: Callable[[Connection], Awaitable[_T]],
    *,
    attempts: int = 5,
    idempotent: bool = False,
) -> _T:
    """Run `work` in one transaction and commit it; answer what `work` answers.

    Tried again, with a growing and jittered wait, on a deadlock, a serialisation failure, a lock
    time-out, or a session lost before the commit was asked for; so `work` must have no effect
    outside its transaction. With `idempotent` a session lost during the commit is tried again as
    well, else it raises CommitUnknownError. After `attempts` the last error is raised as it is.
    """
    for attempt in range(1, attempts + 1):
        try:
            return await _once(pool, work)
        except CommitUnknownError:
            if not idempotent or attempt == attempts:
                raise
        except Exception as error:
            is_retriable = classify(error) is Failure.CONFLICT or is_connection_lost(error)
            if not is_retriable or attempt == attempts:
                raise
        await asyncio.sleep(backoff_s(attempt))
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _once(pool: asyncpg.Pool, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            result = await work(connection)
        except BaseException:
            await _roll_back(connection, transaction)
            raise
        try:
            await transaction.commit()
        except Exception as error:
            if is_connection_lost(error):
                raise CommitUnknownError from error
            # A deferred constraint or a serialisation failure: the server has rolled back.
            raise
        return result


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        await transaction.rollback()
    except Exception:  # noqa: BLE001 - the error that led here is the one to tell
        # The server rolls back when the session ends.
        connection.terminate()


def backoff_s(attempt: int, *, first_s: float = _FIRST_BACKOFF_S) -> float:
    """How long to wait after the `attempt`-th failure, in seconds; doubles, with full jitter."""
    ceiling_s = min(_MAX_BACKOFF_S, first_s * 2.0 ** min(attempt - 1, 16))
    return random.uniform(0.5, 1.0) * ceiling_s  # noqa: S311 - not a secret
