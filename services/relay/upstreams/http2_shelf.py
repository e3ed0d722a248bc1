"""Connections of httpcore2 to one place: those in use, and those that wait for their next call."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import httpcore2

from services.relay.upstreams.egress_backend import EgressBackend


class Connection(NamedTuple):
    """A connection, and what can close it."""

    http: httpcore2.AsyncHTTPConnection
    backend: EgressBackend


@dataclass(slots=True, kw_only=True, eq=False)
class Leased:
    """A connection that carries a call."""

    connection: Connection
    shelf: "Shelf"
    is_reused: bool = False
    is_finished: bool = False

    def finish(self, *, is_reusable: bool) -> None:
        """See Line."""
        if not self.is_finished:
            self.is_finished = True
            self.shelf.take_back(self, is_reusable=is_reusable)


@dataclass(slots=True, kw_only=True)
class Shelf:
    """At most `limit` calls at a time, and so at most as many connections."""

    limit: int
    keep_s: float
    closing: set[asyncio.Task[None]]
    """Connections being closed, which takes a moment; their client's to wait for."""
    emptied: Callable[[], object]
    turns: asyncio.Semaphore = field(init=False)
    in_use: set[Leased] = field(default_factory=set)
    waiting: dict[Leased, asyncio.TimerHandle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turns = asyncio.Semaphore(self.limit)

    def lease(self, make: Callable[[], Connection]) -> Leased:
        """One that waits, the one used last, else a new one. For who has a turn."""
        while self.waiting:
            leased, timer = self.waiting.popitem()
            timer.cancel()
            if leased.connection.http.is_available():
                return self._used(leased.connection, is_reused=True)
            self._close(leased)
        return self._used(make(), is_reused=False)

    def fresh(self, connection: Connection) -> Leased:
        """A new one, although others wait, which are as old as one that was closed."""
        if self.waiting:
            oldest = next(iter(self.waiting))
            self.waiting.pop(oldest).cancel()
            self._close(oldest)
        return self._used(connection, is_reused=False)

    def take_back(self, leased: Leased, *, is_reusable: bool) -> None:
        """A call is over. Its turn is given on."""
        self.in_use.discard(leased)
        if is_reusable and leased.connection.http.is_idle():
            loop = asyncio.get_running_loop()
            self.waiting[leased] = loop.call_later(self.keep_s, self._drop, leased)
        else:
            self._close(leased)
        self.turns.release()
        self._tell_if_empty()

    def close(self) -> None:
        """Close every connection, whatever is under way."""
        for leased in [*self.in_use]:
            leased.finish(is_reusable=False)
        for leased in [*self.waiting]:
            self._drop(leased)

    def _used(self, connection: Connection, *, is_reused: bool) -> Leased:
        leased = Leased(connection=connection, shelf=self, is_reused=is_reused)
        self.in_use.add(leased)
        return leased

    def _drop(self, leased: Leased) -> None:
        self.waiting.pop(leased).cancel()
        self._close(leased)
        self._tell_if_empty()

    def _close(self, leased: Leased) -> None:
        task = asyncio.get_running_loop().create_task(_closed(leased.connection))
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)

    def _tell_if_empty(self) -> None:
        if not (self.in_use or self.waiting or self.turns.locked()):
            self.emptied()


async def _closed(connection: Connection) -> None:
    # httpcore2 raises, and closes nothing, where the protocol is in a state that it did not expect.
    with suppress(Exception):
        await connection.http.aclose()
    with suppress(Exception):
        await connection.backend.close()
