"""What a hold costs by itself: the relay's own keeper of leases, with nothing around it."""

import asyncio
from contextlib import suppress
from time import process_time
from typing import Final

from prometheus_client import CollectorRegistry

from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.leasing import LeaseLimits
from services.relay.metrics import LeaseMetrics
from shared.leases.protocol import LeaseAnswer, LeaseAnswers, LeaseAsks, LeaseState

_HOLDS: Final = 20_000
_HOLD_UNITS: Final = 53
_USED_UNITS: Final = 16
_SUBJECT: Final = "account:1"
_RICH_UNITS: Final = 10**12


class _Rich:
    """A billing that grants all that is wanted, and a journal that keeps nothing."""

    async def exchange(self, asks: LeaseAsks) -> LeaseAnswers:
        """As the relay's client does."""
        answers = (
            LeaseAnswer(
                lease_id=ask.lease_id,
                seq=ask.seq,
                state=LeaseState.OPEN,
                granted_total=ask.want_total,
                spendable_units=_RICH_UNITS,
            )
            for ask in asks.leases
        )
        return LeaseAnswers(leases=tuple(answers))

    def open_lease(self, lease_id: str, subject: str) -> None:
        """Nobody recovers it."""

    def forget_lease(self, lease_id: str) -> None:
        """Nor closes it."""


async def hold_alone_us() -> float:
    """CPU of taking and settling one hold of a lease in hand."""
    billing = _Rich()
    keeper = LeaseKeeper(
        relay_id="bench",
        exchange=billing,
        journal=billing,
        limits=LeaseLimits(),
        wait_s=5.0,
        metrics=LeaseMetrics(CollectorRegistry()),
    )
    running = asyncio.create_task(keeper.run())
    try:
        keeper.settle(await keeper.hold(_SUBJECT, _HOLD_UNITS), _USED_UNITS)
        taken, cpu_s = 0, 0.0
        while taken < _HOLDS:
            begun = process_time()
            while (hold := keeper.try_hold(_SUBJECT, _HOLD_UNITS)) is not None:
                keeper.settle(hold, _USED_UNITS)
                taken += 1
            cpu_s += process_time() - begun
            keeper.settle(await keeper.hold(_SUBJECT, _HOLD_UNITS), 0)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return cpu_s / taken * 1e6
