"""Connections that wait for their next call, by the channel that uses them and where they lead."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.relay.http1.connection import Connection, Owner
from services.relay.http1.target import Origin

_CLOSE_S: Final = 1.0


class Place(NamedTuple):
    """What connections are shared by: no channel waits for another, nor uses its connections."""

    pool: int
    """See UpstreamCall."""
    origin: Origin


Open = Callable[[Place, Owner], Awaitable[Connection]]


@dataclass(slots=True)
class Tally:
    """What has happened to connections since the start."""

    opened: int = 0
    reused: int = 0
    """Calls on a connection that had carried another before."""
    failed: int = 0
    """Calls that got no connection, or none in time."""
    retried: int = 0
    """Calls sent again, since their connection had been closed while it waited."""


class Pool:
    """At most `limit` calls at a time for each place, and so at most as many connections."""

    def __init__(self, *, open_: Open, limit: int) -> None:
        self._open = open_
        self._limit = limit
        self._shelves: dict[Place, _Shelf] = {}
        self.tally = Tally()

    def take_waiting(self, place: Place) -> Connection | None:
        """A connection that waits, if there is one and it is nobody else's turn."""
        shelf = self._shelves.get(place)
        if shelf is None or not shelf.waiting or shelf.taken >= self._limit:
            return None
        connection = shelf.newest()
        if connection is not None:
            shelf.taken += 1
            self.tally.reused += 1
        return connection

    async def take(self, place: Place, *, is_fresh: bool = False) -> Connection:
        """A connection that is free; with `is_fresh` a new one. Waits for its turn, in order.

        Raises what opening one raises. Each is given back by its call's end.
        """
        shelf = self._shelves.get(place)
        if shelf is None:
            shelf = self._shelves[place] = _Shelf(self, place)
        await shelf.turn(self._limit)
        if is_fresh:
            # One more would be one too many; and the others are as old.
            shelf.close_oldest()
        elif (connection := shelf.newest()) is not None:
            self.tally.reused += 1
            return connection
        try:
            connection = await self._open(place, shelf)
        except BaseException:
            shelf.give_turn()
            raise
        self.tally.opened += 1
        shelf.connections.add(connection)
        return connection

    def count(self, place: Place) -> tuple[int, int]:
        """Connections of a place: how many there are, and how many of them wait."""
        shelf = self._shelves.get(place)
        return (len(shelf.connections), len(shelf.waiting)) if shelf else (0, 0)

    def totals(self) -> tuple[int, int, int]:
        """Connections that carry a call, connections that wait, and calls that wait for a turn."""
        shelves = self._shelves.values()
        waiting = sum(len(shelf.waiting) for shelf in shelves)
        busy = sum(len(shelf.connections) for shelf in shelves) - waiting
        return busy, waiting, sum(len(shelf.queue) for shelf in shelves)

    async def close(self) -> None:
        """Close every connection, whatever is under way."""
        closing = [each for shelf in self._shelves.values() for each in shelf.connections]
        for connection in closing:
            connection.close()
        if closing:
            await asyncio.wait([each.lost for each in closing], timeout=_CLOSE_S)

    def forget(self, place: Place) -> None:
        """Nothing of it is left: channels come and go."""
        self._shelves.pop(place, None)


class _Shelf:
    """The connections of one place."""

    def __init__(self, pool: Pool, place: Place) -> None:
        self._pool = pool
        self._place = place
        self.taken = 0
        """Turns: calls under way, and connections being opened for one."""
        self.queue: deque[asyncio.Future[None]] = deque()
        self.connections: set[Connection] = set()
        self.waiting: list[Connection] = []

    async def turn(self, limit: int) -> None:
        """Wait for a turn; each is given on by `give_turn`."""
        if self.taken < limit and not self.queue:
            self.taken += 1
            return
        mine = asyncio.get_running_loop().create_future()
        self.queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give_turn()
            with suppress(ValueError):
                self.queue.remove(mine)
            raise

    def give_turn(self) -> None:
        """To who has waited longest."""
        while self.queue:
            first = self.queue.popleft()
            # One that has given up is not awake yet to leave the queue.
            if not first.done():
                first.set_result(None)
                return
        self.taken -= 1
        self._forget_if_empty()

    def newest(self) -> Connection | None:
        """The one that was used last: its peer is the least likely to have closed it."""
        while self.waiting:
            connection = self.waiting.pop()
            if connection.is_open:
                return connection
            connection.close()
        return None

    def close_oldest(self) -> None:
        if self.waiting:
            self.waiting[0].close()

    def finished(self, connection: Connection, *, is_reusable: bool) -> None:
        """See Owner."""
        if is_reusable:
            self.waiting.append(connection)
        self.give_turn()

    def lost(self, connection: Connection) -> None:
        """See Owner."""
        self.connections.discard(connection)
        with suppress(ValueError):
            self.waiting.remove(connection)
        self._forget_if_empty()

    def _forget_if_empty(self) -> None:
        if not (self.taken or self.queue or self.connections):
            self._pool.forget(self._place)
