"""What a request took of its limits, for as long as it lasts."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from services.relay.limits.store_link import StoreAwayError


class Taken(NamedTuple):
    """A request's part of its limits. Settle it once; a repeat does nothing."""

    headers: Mapping[str, str]
    """For its answer."""
    fields: Mapping[str, Any]
    """For its event."""
    settle: Callable[[int], None]
    """It ended, and used so many tokens. Does not wait."""
    told: Callable[[], "asyncio.Future[list[int]] | None"]
    """After `settle`: done when its place is free for all relays; null: it held none."""

    async def wait_free(self) -> None:
        """Until its place is free, so that a client's next request finds it so. Raises nothing."""
        future = self.told()
        if future is not None:
            with suppress(StoreAwayError):
                await future


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
UNLIMITED: Final = Taken(_NOTHING, _NOTHING, lambda _used_tokens: None, lambda: None)
