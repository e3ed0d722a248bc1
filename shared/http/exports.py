"""Files that are made while they are sent: whose turn it is, and the sending, piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext, suppress
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from shared.http.envelope import EnvelopeError
from shared.postgres.failures import classify
from shared.telemetry.logs import get_logger

_MAX_EXPORTS: Final = 2
"""At a time: each may keep a connection of the pool for as long as its reader takes."""
_RETRY_AFTER_S: Final = 5
_WRITE_TIMEOUT_S: Final = 60.0

_logger = get_logger()


class ExportFile(NamedTuple):
    """What is known of a file before its lines are."""

    name: str
    media_type: str
    head: bytes
    """Before all lines; may be empty."""


class Exports:
    """The exports of one kind that run in this process."""

    def __init__(
        self,
        *,
        cut_event: str,
        told: Callable[[], AbstractContextManager[None]] = nullcontext,
        write_timeout_s: float = _WRITE_TIMEOUT_S,
    ) -> None:
        """`cut_event` is logged where a file could not be sent to its end.

        `told` turns what the first piece raises into an answer; later ones are past an answer.
        """
        self._cut_event = cut_event
        self._told = told
        self._write_timeout_s = write_timeout_s
        self._exporting: set[int] = set()
        """The users whose exports run."""

    async def send(
        self,
        request: web.Request,
        user_id: int,
        file: ExportFile,
        pieces: AsyncGenerator[bytes, None],
    ) -> web.StreamResponse:
        """Answer with the file, and close `pieces`, which are not begun before it is one's turn.

        Raises EnvelopeError 429 while the user has an export that runs, or too many others do, and
        what the first piece raises. A reader that takes nothing for the time-out is cut off.
        """
        response = _response(file)
        with self._turn(user_id):
            async with aclosing(pieces):
                is_whole = await self._write(request, response, file.head, pieces)
        # Not before: who has all of it may ask for the next one at once.
        if is_whole and response.prepared:
            with suppress(OSError):  # the reader left with all but the end
                await response.write_eof()
        return response

    @contextmanager
    def _turn(self, user_id: int) -> Iterator[None]:
        """One for each user, so that nobody keeps all others waiting by reading slowly."""
        if user_id in self._exporting or len(self._exporting) >= _MAX_EXPORTS:
            raise EnvelopeError(
                "other exports are running; try again",
                http_status=429,
                retry_after_s=_RETRY_AFTER_S,
            )
        self._exporting.add(user_id)
        try:
            yield
        finally:
            self._exporting.discard(user_id)

    async def _write(
        self,
        request: web.Request,
        response: web.StreamResponse,
        head: bytes,
        pieces: AsyncGenerator[bytes, None],
    ) -> bool:
        """Write all but the end; False where it had to be cut."""
        # Before the head is sent, so that a database that is away is told as such.
        with self._told():
            piece = await anext(pieces, None)
        if request.method == hdrs.METH_HEAD:
            return True
        await response.prepare(request)
        try:
            if head:
                await response.write(head)
            while piece is not None:
                async with asyncio.timeout(self._write_timeout_s):
                    await response.write(piece)
                piece = await anext(pieces, None)
        except Exception as error:
            if classify(error) is None:
                raise
            # The head is gone: an error would stand among the lines. Leave it visibly cut.
            _logger.warning(self._cut_event, error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
            return False
        return True


def _response(file: ExportFile) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = file.media_type
    response.charset = "utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
