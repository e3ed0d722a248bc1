"""Control's public keys, fetched from its internal port and kept for a while."""

import asyncio
import time
from typing import Final

from shared.http.assertions import AssertionVerifier
from shared.http.envelope import EnvelopeError
from shared.http.internal_client import InternalCallError, InternalClient

_KEEP_S: Final = 300.0
_RETRY_S: Final = 1.0


class AssertionKeys:
    """A VerifierSource. While control cannot be asked, the keys in hand go on being used."""

    def __init__(self, *, control: InternalClient, audience: str) -> None:
        self._control = control
        self._audience = audience
        self._verifier: AssertionVerifier | None = None
        self._fetched_at = -_KEEP_S
        self._lock = asyncio.Lock()

    async def verifier(self) -> AssertionVerifier:
        """Raises EnvelopeError 503 where control was never reached."""
        if self._verifier is None or time.monotonic() - self._fetched_at > _KEEP_S:
            async with self._lock:
                await self._fetch()
        if self._verifier is None:
            raise EnvelopeError("signing in is not possible right now", http_status=503)
        return self._verifier

    async def _fetch(self) -> None:
        if time.monotonic() - self._fetched_at <= _RETRY_S:
            return
        try:
            jwks = await self._control.call("GET", "/internal/assertion-keys")
            self._verifier = AssertionVerifier.from_jwks(jwks, audience=self._audience)
            self._fetched_at = time.monotonic()
        except (InternalCallError, ValueError, KeyError):
            self._fetched_at = time.monotonic() - _KEEP_S + _RETRY_S
