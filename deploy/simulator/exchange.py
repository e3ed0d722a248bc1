import hashlib
import time
from typing import Final
from uuid import uuid4

from aiohttp import web

from deploy.simulator.errors import error_json
from deploy.simulator.misbehaviour import WELL_BEHAVED
from deploy.simulator.wire import send_plain

_PADDING_HEADER_BYTES: Final = 4_000


class Exchange:
    """One request of the provider's surface: its key, and what every answer to it has.

    In OpenAI's dialect; another dialect's is a subclass.
    """

    mid_stream_status = 500
    """As which an error in the middle of a stream is told."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.request_id = f"req_{uuid4().hex}"
        self.behaviour = WELL_BEHAVED
        self._started = time.perf_counter()
        key = self.read_key().strip()
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape"))
        self.key_sha256 = digest.hexdigest() if key else None

    @property
    def elapsed_ms(self) -> int:
        """Since the request came."""
        return int((time.perf_counter() - self._started) * 1000)

    def read_key(self) -> str:
        """The caller's key; empty where there is none."""
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        return key if scheme.lower() == "bearer" else ""

    def own_headers(self) -> dict[str, str]:
        """The headers that the dialect puts on every answer."""
        return {
            "x-request-id": self.request_id,
            "openai-processing-ms": str(self.elapsed_ms),
            "openai-version": "2020-10-01",
        }

    def error_body(
        self,
        status: int,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> bytes:
        """The body of an error; the dialect's usual words unless a message is given."""
        return error_json(status, message, param=param, code=code)

    def headers(self) -> dict[str, str]:
        """The provider's headers, with the padding that was asked."""
        headers = self.own_headers()
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
