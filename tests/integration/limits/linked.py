"""A running link to a Valkey, as a relay has one."""

import asyncio
from typing import Self

from services.relay.limits.metrics import LimitMetrics
from services.relay.limits.shared_store import SharedStore
from services.relay.limits.store_link import StoreLink

LEASE_MS = 15_000


class Linked:
    """The link and the store over it, for as long as the block."""

    def __init__(
        self, url: str, metrics: LimitMetrics, *, timeout_s: float = 5.0, lease_ms: int = LEASE_MS
    ) -> None:
        self.metrics = metrics
        self.link = StoreLink(url, timeout_s=timeout_s, metrics=metrics)
        self.store = SharedStore(self.link, lease_ms=lease_ms)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.link.run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def up(self, *, is_up: bool = True) -> None:
        """Wait until the link stands, or is found broken."""
        async with asyncio.timeout(20):
            while self.link.is_up is not is_up:
                await asyncio.sleep(0.01)
