"""The relay's leases: decides holds in memory, and keeps billing informed in the background.

One exchange with billing is under way at a time, with every lease that has something to say: a
heartbeat that is due, a reserve that runs low, or requests that wait for room.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from services.relay.leases.holds import (
    BalanceShortError,
    BillingUnreachableError,
    Hold,
    LeaseExchange,
    LeaseJournal,
    RoomHeldError,
)
from services.relay.leases.leasing import Lease, LeaseLimits
from services.relay.metrics import LeaseMetrics
from shared.events.event import new_event_id
from shared.http.internal_client import InternalCallError
from shared.leases.protocol import LeaseAnswers, LeaseAsk, LeaseAsks
from shared.telemetry.logs import get_logger

_logger = get_logger()
_MAX_IN_MESSAGE: Final = 2_000
_RETRY_S: Final = 0.1


def boot_clock() -> float:
    """Seconds that go on while the machine sleeps: a lease lapses then as well."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class _Waiter:
    units: int
    admitted: asyncio.Future[Hold]


class LeaseKeeper:
    """All leases of one relay start."""

    def __init__(
        self,
        *,
        relay_id: str,
        exchange: LeaseExchange,
        journal: LeaseJournal,
        limits: LeaseLimits,
        wait_s: float,
        metrics: LeaseMetrics,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._relay_id = relay_id
        self._exchange = exchange
        self._journal = journal
        self._limits = limits
        self._wait_s = wait_s
        self._metrics = metrics
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._retired: dict[str, Lease] = {}
        self._waiters: dict[str, deque[_Waiter]] = {}
        self._urgent: set[str] = set()
        self._low: set[str] = set()
        self._look_through_at = -1e9
        self._changed = asyncio.Event()
        self._reached_at = -1e9

    def try_hold(self, subject: str, units: int) -> Hold | None:
        """Decide in memory, without waiting. None: `hold` may still find room."""
        lease = self._leases.get(subject)
        if lease is None or subject in self._waiters:
            return None  # who waits is served first
        now = self._clock()
        if not lease.try_hold(units, now):
            return None
        if lease.runs_low(now):
            self._low.add(subject)
            self._changed.set()
        return Hold(lease, units)

    async def hold(self, subject: str, units: int) -> Hold:
        """Set `units` aside, asking billing and waiting for others to give back if need be.

        Raises BalanceShortError, RoomHeldError or BillingUnreachableError.
        """
        now = self._clock()
        hold = self.try_hold(subject, units)
        if hold is not None:
            return hold
        if subject not in self._leases:
            self._open(subject, now)
        waiter = _Waiter(units, asyncio.get_running_loop().create_future())
        self._waiters.setdefault(subject, deque()).append(waiter)
        self._urgent.add(subject)
        self._changed.set()
        try:
            async with asyncio.timeout(self._wait_s):
                return await waiter.admitted
        except TimeoutError:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                return waiter.admitted.result()
            if self._reached_at < now:
                raise BillingUnreachableError from None
            raise RoomHeldError from None
        except asyncio.CancelledError:
            admitted = waiter.admitted
            if admitted.done() and not admitted.cancelled() and admitted.exception() is None:
                self.settle(admitted.result(), 0)
            raise
        finally:
            self._leave(subject, waiter)

    def settle(self, hold: Hold, used_units: int) -> None:
        """The request has ended. Exactly once for each hold."""
        lease = hold.lease
        lease.settle(hold.units, used_units, self._clock())
        if lease.subject in self._waiters:
            self._serve(lease, is_fresh=False)

    async def run(self) -> None:
        """Exchange with billing until cancelled."""
        while True:
            self._changed.clear()
            retired = [lease for lease in self._retired.values() if lease.held_units == 0]
            if retired:
                await self._close(retired[:_MAX_IN_MESSAGE])
            if not await self._exchange_due():
                await asyncio.sleep(_RETRY_S)
            is_wanted = self._waiters or self._low
            pause_s = _RETRY_S if is_wanted else self._limits.scarce_heartbeat_s
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()

    async def close_all(self) -> None:
        """Close every lease with nothing in flight: the unused is free at once. May be repeated.

        What billing does not acknowledge stays in the journal, for who recovers it.
        """
        self._retired.update({lease.lease_id: lease for lease in self._leases.values()})
        self._leases.clear()
        idle = [lease for lease in self._retired.values() if lease.held_units == 0]
        for start in range(0, len(idle), _MAX_IN_MESSAGE):
            await self._close(idle[start : start + _MAX_IN_MESSAGE])

    def totals(self) -> tuple[int, int, int]:
        """Open leases, units of room in hand, units held by requests in flight."""
        leases = self._leases.values()
        return (
            len(self._leases),
            sum(max(0, lease.room_units) for lease in leases),
            sum(lease.held_units for lease in leases),
        )

    # --- the exchange -------------------------------------------------------------------------

    def _open(self, subject: str, now: float) -> Lease:
        lease = Lease(lease_id=new_event_id(), subject=subject, limits=self._limits, now=now)
        self._journal.open_lease(lease.lease_id, subject)
        self._leases[subject] = lease
        return lease

    def _retire_idle(self) -> None:
        now = self._clock()
        for lease in [lease for lease in self._leases.values() if lease.is_idle(now)]:
            if lease.subject not in self._waiters:
                self._retired[lease.lease_id] = self._leases.pop(lease.subject)

    def _due(self, now: float) -> list[Lease]:
        """Of all leases now and then, otherwise of those only that somebody waits for."""
        if now >= self._look_through_at:
            self._look_through_at = now + self._limits.scarce_heartbeat_s / 2
            self._retire_idle()
            self._low.clear()
            looked_at = list(self._leases.values())
        else:
            subjects = self._urgent | self._low | self._waiters.keys()
            looked_at = [self._leases[s] for s in subjects if s in self._leases]
        return [lease for lease in looked_at if self._is_due(lease, now)]

    def _is_due(self, lease: Lease, now: float) -> bool:
        if lease.due_at() <= now or lease.subject in self._urgent:
            return True
        wants_more = lease.subject in self._waiters or lease.runs_low(now)
        return wants_more and now - lease.sent_at >= _RETRY_S

    async def _exchange_due(self) -> bool:
        """Tell billing of each lease that has something to say. False where it did not answer."""
        due = self._due(self._clock())
        self._urgent.clear()
        self._low.difference_update([lease.subject for lease in due])
        for start in range(0, len(due), _MAX_IN_MESSAGE):
            part = due[start : start + _MAX_IN_MESSAGE]
            now = self._clock()
            asks = [
                lease.ask(waiting=[w.units for w in self._waiters.get(lease.subject, ())], now=now)
                for lease in part
            ]
            answers = await self._send(asks)
            if answers is None:
                return False
            for lease, answer in zip(part, answers.leases, strict=True):
                lease.apply(answer)
                if lease.is_closed:
                    self._replace(lease)
                else:
                    self._serve(lease, is_fresh=True)
        return True

    async def _close(self, leases: list[Lease]) -> None:
        now = self._clock()
        answers = await self._send([lease.ask(waiting=(), now=now, close=True) for lease in leases])
        if answers is None:
            return
        for lease in leases:
            self._journal.forget_lease(lease.lease_id)
            self._retired.pop(lease.lease_id, None)

    async def _send(self, asks: list[LeaseAsk]) -> LeaseAnswers | None:
        sent_at = self._clock()
        try:
            answers = await self._exchange.exchange(
                LeaseAsks(relay_id=self._relay_id, leases=tuple(asks))
            )
        except InternalCallError as error:
            self._metrics.exchanges.labels("failed").inc()
            _logger.warning("leases.unreachable", status=error.status)
            return None
        self._metrics.exchanges.labels("answered").inc()
        self._reached_at = sent_at
        return answers

    def _replace(self, lease: Lease) -> None:
        """Billing closed the lease (an operator did): what waits goes on under a new one."""
        _logger.warning("lease.closed_by_billing", lease_id=lease.lease_id)
        if self._leases.get(lease.subject) is lease:
            del self._leases[lease.subject]
        self._retired[lease.lease_id] = lease
        if lease.subject in self._waiters:
            self._open(lease.subject, self._clock())

    # --- who waits ----------------------------------------------------------------------------

    def _serve(self, lease: Lease, *, is_fresh: bool) -> None:
        queue = self._waiters.get(lease.subject)
        if queue is None or self._leases.get(lease.subject) is not lease:
            return
        now = self._clock()
        for waiter in list(queue):
            if waiter.admitted.done():
                continue
            if lease.try_hold(waiter.units, now):
                waiter.admitted.set_result(Hold(lease, waiter.units))
            elif is_fresh and waiter.units > lease.spendable_units:
                waiter.admitted.set_exception(BalanceShortError(lease.spendable_units))
            else:
                break  # in order of arrival: a large one is not starved by small ones

    def _leave(self, subject: str, waiter: _Waiter) -> None:
        queue = self._waiters.get(subject)
        if queue is not None:
            queue.remove(waiter)
            if not queue:
                del self._waiters[subject]
