"""Upstreams that do what a test tells them, without a network."""

import asyncio
from collections.abc import Mapping
from typing import Any

from services.relay.upstreams.pump import Pump
from services.relay.upstreams.upstream import (
    BodySink,
    UpstreamAnswer,
    UpstreamCall,
    UpstreamFailure,
)
from shared.events.requests import ErrorCode

Piece = bytes | ErrorCode | float
"""Bytes that come, a failure, or seconds to wait."""


class FakeAnswer:
    """An UpstreamAnswer made of pieces."""

    def __init__(self, *pieces: Piece, status: int = 200, **headers: str) -> None:
        self.status = status
        stream = "text/event-stream"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers: Mapping[str, str] = {"Content-Type": stream, **named}
        self._pieces = list(pieces)
        self._pump = Pump(self)
        self.is_aborted = self.is_released = False

    @property
    def pieces_left(self) -> int:
        return len(self._pieces)

    async def next_chunk(self) -> bytes:
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, ErrorCode):
                raise UpstreamFailure(piece)
            await asyncio.sleep(piece)
        return b""

    async def read(self, max_bytes: int) -> bytes:
        body = b""
        while chunk := await self.next_chunk():
            body += chunk
            if len(body) > max_bytes:
                raise UpstreamFailure(ErrorCode.ANSWER_TOO_LARGE)
        return body

    def ready(self) -> bytes | None:
        if not self._pieces:
            return b""
        piece = self._pieces[0]
        if isinstance(piece, float | int):
            return None
        del self._pieces[0]
        if isinstance(piece, ErrorCode):
            raise UpstreamFailure(piece)
        return piece

    def pass_to(self, sink: BodySink) -> None:
        self._pump.start(sink)

    def pause(self) -> None:
        self._pump.pause()

    def resume(self) -> None:
        self._pump.resume()

    def abort(self) -> None:
        self._pump.stop()
        self.is_aborted = True

    def release(self) -> None:
        self._pump.stop()
        self.is_released = True


def plain(body: bytes, *, status: int = 200, **headers: str) -> FakeAnswer:
    return FakeAnswer(body, status=status, **{"Content_Type": "application/json", **headers})


class FakeUpstream:
    """An Upstream: one prepared answer, or failure, for each channel id."""

    def __init__(self, answers: dict[int, FakeAnswer | ErrorCode]) -> None:
        self._answers = answers
        self.calls: list[UpstreamCall] = []

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        self.calls.append(call)
        prepared: Any = self._answers[int(call.url.split("/")[2].rsplit(".", 1)[1])]
        if isinstance(prepared, ErrorCode):
            raise UpstreamFailure(prepared)
        answer: UpstreamAnswer = prepared
        return answer

    @property
    def called(self) -> list[int]:
        return [int(call.url.split("/")[2].rsplit(".", 1)[1]) for call in self.calls]
