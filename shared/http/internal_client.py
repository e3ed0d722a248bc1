"""Calls to another service's `/internal/*`, with this service's credential."""

from typing import Any, Final

import aiohttp
import orjson

_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class InternalCallError(Exception):
    """The call did not give an answer. `status` is set where there was one, of 400 and above."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class InternalClient:
    """One other service. The session is the caller's to close."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        base_url: str,
        caller: str,
        secret: str,
        timeout_s: float = 5.0,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {caller}:{secret}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. May be repeated where the call is idempotent.

        Raises InternalCallError on a time-out, a lost connection, or a status of 400 and above.
        """
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                data=data,
                headers={**self._headers, "Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                if response.status >= 400:  # noqa: PLR2004  # the least of HTTP's error statuses
                    message = f"{method} {path} was answered {response.status}"
                    raise InternalCallError(message, status=response.status)
                return orjson.loads(await _whole(response))
        except (TimeoutError, aiohttp.ClientError, orjson.JSONDecodeError) as error:
            raise InternalCallError(f"{method} {path}: {type(error).__name__}") from error


async def _whole(response: aiohttp.ClientResponse) -> bytearray:
    """All of the body. Raises InternalCallError where it is larger than any answer of ours."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_ANSWER_BYTES:
            raise InternalCallError("the answer is too large")
    return raw
