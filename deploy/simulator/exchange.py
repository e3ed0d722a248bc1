import hashlib
import time
from typing import Final
from uuid import uuid4

from aiohttp import web

from deploy.simulator.misbehaviour import WELL_BEHAVED
from deploy.simulator.wire import send_plain

_PADDING_HEADER_BYTES: Final = 4_000


class Exchange:
    """One request of the provider's surface, and the headers that every answer to it has."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.request_id = f"req_{uuid4().hex}"
        self.behaviour = WELL_BEHAVED
        self._started = time.perf_counter()
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        authorized = scheme.lower() == "bearer" and key.strip()
        digest = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape"))
        self.key_sha256 = digest.hexdigest() if authorized else None

    def headers(self) -> dict[str, str]:
        """The provider's headers, with the padding that was asked."""
        headers = {
            "x-request-id": self.request_id,
            "openai-processing-ms": str(int((time.perf_counter() - self._started) * 1000)),
            "openai-version": "2020-10-01",
        }
        left, number = self.behaviour.big_headers, 0
        while left > 0:
            headers[f"x-padding-{number}"] = "p" * min(left, _PADDING_HEADER_BYTES)
            left, number = left - _PADDING_HEADER_BYTES, number + 1
        return headers

    async def plain(self, body: bytes) -> web.StreamResponse:
        """Answer 200 with a JSON body. Raises what `send_plain` raises."""
        return await send_plain(
            self.request, self.behaviour, body, status=200, headers=self.headers()
        )

    async def fail(self, status: int, body: bytes) -> web.StreamResponse:
        """Answer an error status with a JSON body. Raises what `send_plain` raises."""
        headers = self.headers()
        if self.behaviour.retry_after is not None:
            headers["Retry-After"] = str(self.behaviour.retry_after)
        return await send_plain(self.request, self.behaviour, body, status=status, headers=headers)
