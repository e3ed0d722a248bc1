"""Asking each service for its tables, seldom, and keeping what each told last."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import asyncpg
from pydantic import ValidationError

from services.logging.transparency.document import Part
from shared.http.internal_client import InternalCallError, InternalClient
from shared.service.clock import utc_now
from shared.telemetry.logs import get_logger
from shared.transparency.disclosure import ServiceSchema
from shared.transparency.internal_route import SCHEMA_PATH

_logger = get_logger()
_KEEP_S: Final = 300.0
_RETRY_S: Final = 10.0
Ask = Callable[[], Awaitable[ServiceSchema]]


def ask_service(client: InternalClient) -> Ask:
    """Of another service, over its internal port."""

    async def ask() -> ServiceSchema:
        return ServiceSchema.model_validate(await client.call("GET", SCHEMA_PATH))

    return ask


class Gathering:
    """The parts of the document. However often they are read, a service is asked every 5 min."""

    def __init__(
        self, asks: Mapping[str, Ask], *, keep_s: float = _KEEP_S, retry_s: float = _RETRY_S
    ) -> None:
        self._sources = [
            _Source(service, ask, keep_s=keep_s, retry_s=retry_s) for service, ask in asks.items()
        ]
        self._lock = asyncio.Lock()

    async def parts(self) -> tuple[Part, ...]:
        """In the order of `asks`. A service that cannot be asked is told as it last was."""
        async with self._lock:
            return tuple(await asyncio.gather(*(source.part() for source in self._sources)))


class _Source:
    def __init__(self, service: str, ask: Ask, *, keep_s: float, retry_s: float) -> None:
        self._ask = ask
        self._keep_s = keep_s
        self._retry_s = retry_s
        self._ask_again_at = time.monotonic()
        self._part = Part(service=service, schema=None, read_at=None, is_current=False)

    async def part(self) -> Part:
        if time.monotonic() >= self._ask_again_at:
            self._part = await self._asked()
            rest = self._keep_s if self._part.is_current else self._retry_s
            self._ask_again_at = time.monotonic() + rest
        return self._part

    async def _asked(self) -> Part:
        last = self._part
        try:
            schema = await self._ask()
        except (
            InternalCallError,
            ValidationError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            OSError,
            TimeoutError,
        ) as error:
            _logger.warning(
                "transparency.not_told", service=last.service, error=type(error).__name__
            )
            return Part(
                service=last.service, schema=last.schema, read_at=last.read_at, is_current=False
            )
        return Part(service=last.service, schema=schema, read_at=utc_now(), is_current=True)
