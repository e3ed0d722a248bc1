"""A sink that notes what it is told, and that it is told nothing after the end."""

import asyncio
from collections.abc import Callable
from typing import Literal

from shared.events.requests import ErrorCode

End = ErrorCode | Literal["ended"]


class Hearing:
    def __init__(self, on_piece: Callable[[], None] | None = None) -> None:
        self.pieces: list[bytes] = []
        self.end: End | None = None
        self.faults: list[str] = []
        self._on_piece = on_piece
        self._is_over = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def received(self, data: bytes) -> None:
        # An assertion here would be taken for a fault of the connection.
        if self.end is not None:
            self.faults.append("a piece after the end")
        if not data:
            self.faults.append("an empty piece")
        self.pieces.append(data)
        if self._on_piece is not None:
            self._on_piece()

    def ended(self) -> None:
        self._over("ended")

    def failed(self, code: ErrorCode) -> None:
        self._over(code)

    async def over(self) -> tuple[bytes, End | None]:
        async with asyncio.timeout(5):
            await self._is_over.wait()
        assert self.faults == []
        return self.body, self.end

    def _over(self, end: End) -> None:
        if self.end is not None:
            self.faults.append("two ends")
        self.end = end
        self._is_over.set()
