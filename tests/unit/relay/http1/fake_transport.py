"""A transport that is told what comes, and delivers as a real one does."""

import asyncio
from typing import Any

from services.relay.http1.connection import Connection


class FakeTransport(asyncio.Transport):
    """Reads nothing while it is paused, and nothing after it was aborted."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._coming: list[bytes | Exception | None] = []
        self._is_paused = self._is_closing = False
        connection.connection_made(self)

    def deliver(self, *what: bytes | Exception | None) -> None:
        """Pieces; None for an end, an exception for a reset."""
        self._coming += what
        self._go_on()

    @property
    def is_lost(self) -> bool:
        return self._connection.lost.done()

    def write(self, data: Any) -> None:
        """It arrives."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        asyncio.get_running_loop().call_soon(self._go_on)

    def abort(self) -> None:
        self._lose(None)

    def _go_on(self) -> None:
        while self._coming and not self._is_paused and not self._is_closing:
            what = self._coming.pop(0)
            if isinstance(what, bytes):
                self._connection.data_received(what)
            else:
                if what is None:
                    self._connection.eof_received()
                self._lose(what)

    def _lose(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self._connection.connection_lost, error)
