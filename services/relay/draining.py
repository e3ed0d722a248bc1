"""How long the rest of an answer is read for a client that has left.

The provider is paid for all of it, and tells what it used only at the end: the charge goes by that
if it comes in time. A model that reasons says nothing for minutes, and no estimate knows how much
it reasoned; so an answer that has not begun to speak has more time than one that has.
"""

import asyncio
import time
from typing import NamedTuple

from services.relay.upstream import UpstreamAnswer


class DrainLimits(NamedTuple):
    """In seconds. Together they bound how long a client that is gone keeps a connection."""

    before_content_s: float
    """From when the client left, until the first of the answer's own text has come."""
    rest_s: float
    """From then on, or from when the client left if that was later."""


class Draining:
    """Drains one answer. It begins when it is made."""

    def __init__(self, answer: UpstreamAnswer, limits: DrainLimits) -> None:
        self._answer = answer
        self._limits = limits
        self._until = time.monotonic() + limits.before_content_s
        self._has_content = False

    async def next_chunk(self, *, has_content: bool) -> bytes:
        """What comes next; empty at the end, or aborted where the time for it is over.

        `has_content` says whether some of the answer's own text has come. Raises UpstreamFailure.
        """
        now = time.monotonic()
        if has_content and not self._has_content:
            self._has_content = True
            self._until = now + self._limits.rest_s
        try:
            async with asyncio.timeout(max(0.0, self._until - now)):
                return await self._answer.next_chunk()
        except TimeoutError:
            self._answer.abort()
            return b""
