"""Limits that several relays share: `store.lua` in Valkey, by Valkey's clock."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from services.relay.limits.deciding import idle_ms
from services.relay.limits.limit import Decided, Decision, Demand, Held, Limit, used_by
from services.relay.limits.store_link import Call, StoreLink

# One slot of a cluster, so that one script may touch all limits of a request.
_PREFIX: Final = "{ledgerline:limits}:"
_FIGURES: Final = 4
_SERVERS_OWN_TIME: Final = ""


class SharedStore:
    """What `MemoryStore` does, for all relays together. Holds lapse if nobody renews them."""

    def __init__(self, link: StoreLink, *, lease_ms: int) -> None:
        self._link = link
        self._lease_ms = lease_ms

    async def take(self, request_id: str, demands: Sequence[Demand]) -> Decided:
        """All of it or nothing. Raises StoreAwayError; then it may have been taken all the same."""
        answer = await self._link.send(self.call("take", request_id, demands))
        return decided(answer)

    def settle(
        self, request_id: str, holds: Iterable[Held], used_tokens: int
    ) -> "asyncio.Future[list[int]]":
        """Sent on at once, in order after what was sent before. Raises StoreAwayError."""
        ended = [Demand(limit, used_by(limit, used_tokens), amount) for limit, amount in holds]
        return self._link.send(self.call("settle", request_id, ended))

    def renew(self, request_id: str, holds: Iterable[Held]) -> None:
        """The request goes on. Raises StoreAwayError."""
        going = [Demand(limit, 0, amount) for limit, amount in holds]
        self._link.send(self.call("renew", request_id, going))

    def call(
        self,
        operation: str,
        request_id: str,
        demands: Iterable[Demand],
        *,
        now: str = _SERVERS_OWN_TIME,
    ) -> Call:
        """One run of the script. `now`, in ms, is for who wants to move the clock by hand."""
        keys: list[str] = []
        arguments = [operation, now, request_id, str(self._lease_ms)]
        for limit, use, hold in demands:
            keys += (f"{_PREFIX}{limit.subject}", f"{_PREFIX}{limit.subject}:holds")
            arguments += (*_figures(limit), str(use), str(hold))
        return tuple(keys), tuple(arguments)


def decided(answer: list[int]) -> Decided:
    """The script's answer to `take`."""
    now, *figures = answer
    return Decided(
        now,
        tuple(
            Decision(
                is_allowed=figures[at] == 1,
                remaining=figures[at + 1],
                reset_at_ms=_time(figures[at + 2]),
                retry_at_ms=_time(figures[at + 3]),
            )
            for at in range(0, len(figures), _FIGURES)
        ),
    )


def _figures(limit: Limit) -> tuple[str, ...]:
    # repr: read back, it is the very same binary fraction.
    return (
        limit.counting.value,
        str(limit.capacity),
        str(limit.window_ms),
        repr(limit.rate),
        str(idle_ms(limit)),
    )


def _time(told_ms: int) -> int | None:
    return None if told_ms < 0 else told_ms
