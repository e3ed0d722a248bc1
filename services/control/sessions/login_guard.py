"""Bounding guesses at passwords, by name and by address. The rules are in `lockout`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import asyncpg

from services.control.audit import Actor, record_action
from services.control.client import Client
from services.control.people.store_users import fold_username
from services.control.sessions.lockout import (
    LockoutLimits,
    Tally,
    Wait,
    count_for_address,
    count_for_name,
    subject_of_address,
    subject_of_name,
)
from services.control.sessions.store_attempts import (
    forget_failures,
    lock_tallies,
    note_failure,
    set_tally,
    take_back_attempt,
)
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection, in_transaction
from shared.service.clock import Clock

_TOO_MANY: Final = 429


class LockedOutError(EnvelopeError):
    """Too many failures: no password is looked at. Says the same for names that nobody has."""

    def __init__(self, wait: Wait) -> None:
        seconds = math.ceil(wait.retry_after.total_seconds())
        super().__init__(
            f"too many failed attempts; try again in {seconds} s",
            http_status=_TOO_MANY,
            retry_after_s=seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that was counted, as a failure until something better is known."""

    name: bytes
    tallies: Mapping[bytes, Tally]
    client: Client


class LoginGuard:
    """Asked before a password is looked at, and told how that ended."""

    def __init__(self, *, pool: asyncpg.Pool, limits: LockoutLimits, clock: Clock) -> None:
        self._pool = pool
        self._limits = limits
        self._clock = clock

    async def begin(self, username: str, client: Client) -> Attempt:
        """Count an attempt. Raises LockedOutError, and then nothing is counted."""
        name = subject_of_name(fold_username(username))
        address = subject_of_address(client.address)
        counted = await in_transaction(self._pool, partial(self._count, name=name, address=address))
        if isinstance(counted, Wait):
            raise LockedOutError(counted)
        return Attempt(name=name, tallies=counted, client=client)

    async def _count(
        self, connection: Connection, *, name: bytes, address: bytes | None
    ) -> Mapping[bytes, Tally] | Wait:
        subjects = [name] if address is None else [name, address]
        kept = await lock_tallies(connection, subjects)
        now = self._clock()
        counted: dict[bytes, Tally] = {}
        for subject in subjects:
            rule = count_for_name if subject == name else count_for_address
            tally = rule(kept[subject], now=now, limits=self._limits)
            if isinstance(tally, Wait):
                return tally
            counted[subject] = tally
        for subject, tally in sorted(counted.items()):
            await set_tally(connection, subject, tally)
        return counted

    async def succeed(self, connection: Connection, attempt: Attempt) -> None:
        """The password was right: the name begins anew, the address gets this attempt back."""
        for subject, tally in sorted(attempt.tallies.items()):
            if subject == attempt.name:
                await forget_failures(connection, subject)
            else:
                await take_back_attempt(connection, subject, tally)

    async def withdraw(self, attempt: Attempt) -> None:
        """No password was looked at after all."""
        async with self._pool.acquire() as connection, connection.transaction():
            for subject, tally in sorted(attempt.tallies.items()):
                await take_back_attempt(connection, subject, tally)

    async def fail(self, attempt: Attempt, user: Any | None) -> bool:
        """The password was wrong, or nobody has the name; answers whether that locked the name.

        The attempt is counted already. The locking of a user's name is audited, in the user's name.
        """
        if attempt.tallies[attempt.name].locked_until is None:
            return False
        await in_transaction(self._pool, partial(_note_lock, attempt=attempt, user=user))
        return True


async def _note_lock(connection: Connection, *, attempt: Attempt, user: Any | None) -> None:
    tally = attempt.tallies[attempt.name]
    # For a name that nobody has too: one commit each, so that the time tells nothing.
    await note_failure(connection, attempt.name, tally)
    if user is None:
        return
    actor = Actor(
        user_id=user["id"],
        name=user["username"],
        role=Role(user["role"]),
        workspace_id=user["personal_workspace_id"],
        client_address=attempt.client.address,
        user_agent=attempt.client.user_agent,
    )
    changes = {
        "failed_login_attempts": tally.failed_attempts,
        "locked_until": tally.locked_until,
    }
    await record_action(connection, actor, "user.lock", resource_id=user["id"], changes=changes)
