"""Connections that wait for their next call, by the origin that they lead to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from services.relay.http1.connection import Connection, Owner
from services.relay.http1.target import Origin

Open = Callable[[Origin, Owner], Awaitable[Connection]]
_CLOSE_S: Final = 1.0


class Pool:
    """At most `limit` calls at a time for each origin, and so at most as many connections."""

    def __init__(self, *, open_: Open, limit: int) -> None:
        self._open = open_
        self._limit = limit
        self._shelves: dict[Origin, _Shelf] = {}

    async def take_waiting(self, origin: Origin) -> Connection | None:
        """A connection that waits, if there is one and it is nobody else's turn. Never blocks."""
        shelf = self._shelves.get(origin)
        if shelf is None or not shelf.waiting or shelf.turns.locked():
            return None
        await shelf.turns.acquire()
        connection = shelf.newest()
        if connection is None:
            shelf.turns.release()
        return connection

    async def take(self, origin: Origin, *, is_fresh: bool = False) -> Connection:
        """A connection that is free; with `is_fresh` a new one. Waits for its turn, in order.

        Raises what opening one raises. Each is given back by its call's end.
        """
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = self._shelves[origin] = _Shelf(self._limit)
        await shelf.turns.acquire()
        try:
            if is_fresh:
                # One more would be one too many; and the others are as old.
                shelf.close_oldest()
            elif (connection := shelf.newest()) is not None:
                return connection
            connection = await self._open(origin, shelf)
        except BaseException:
            shelf.turns.release()
            raise
        shelf.connections.add(connection)
        return connection

    def count(self, origin: Origin) -> tuple[int, int]:
        """Connections of an origin: how many there are, and how many of them wait."""
        shelf = self._shelves.get(origin)
        return (len(shelf.connections), len(shelf.waiting)) if shelf else (0, 0)

    async def close(self) -> None:
        """Close every connection, whatever is under way."""
        closing = [each for shelf in self._shelves.values() for each in shelf.connections]
        for connection in closing:
            connection.close()
        if closing:
            await asyncio.wait([each.lost for each in closing], timeout=_CLOSE_S)


class _Shelf:
    """The connections of one origin."""

    def __init__(self, limit: int) -> None:
        self.turns = asyncio.Semaphore(limit)
        self.connections: set[Connection] = set()
        self.waiting: list[Connection] = []

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
        self.turns.release()

    def lost(self, connection: Connection) -> None:
        """See Owner."""
        self.connections.discard(connection)
        with suppress(ValueError):
            self.waiting.remove(connection)
