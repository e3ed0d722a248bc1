"""Holds decided in memory, and what is told to billing behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from services.relay.leases.holds import (
    BalanceShortError,
    BillingUnreachableError,
    Hold,
    RoomHeldError,
)
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.leasing import LeaseLimits
from services.relay.metrics import LeaseMetrics
from tests.unit.relay.fake_billing import FakeBilling, FakeLeaseJournal

SUBJECT = "account:1"


@dataclass
class Keeping:
    """A running keeper, its billing, and a clock that only the test moves."""

    billing: FakeBilling
    wait_s: float = 0.3
    reserve: int = 100
    now: float = 1_000.0
    journal: FakeLeaseJournal = field(default_factory=FakeLeaseJournal)

    def __post_init__(self) -> None:
        self.keeper = LeaseKeeper(
            relay_id="relay-1",
            exchange=self.billing,
            journal=self.journal,
            limits=LeaseLimits(
                first_reserve_units=self.reserve, heartbeat_s=5, scarce_heartbeat_s=0.02
            ),
            wait_s=self.wait_s,
            metrics=LeaseMetrics(CollectorRegistry()),
            clock=lambda: self.now,
        )

    async def hold(self, units: int) -> Hold:
        return await self.keeper.hold(SUBJECT, units)

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not check():
                await asyncio.sleep(0.005)

    async def exchanged(self) -> None:
        """Wait for one more exchange that began after now."""
        before = self.billing.exchanges
        await self.until(lambda: self.billing.exchanges > before)


@asynccontextmanager
async def keeping(balance: int = 10_000, *, reserve: int = 100) -> AsyncIterator[Keeping]:
    kept = Keeping(FakeBilling(balance), reserve=reserve)
    running = asyncio.create_task(kept.keeper.run())
    try:
        yield kept
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_the_first_request_opens_a_lease_that_is_written_down_first() -> None:
    async with keeping() as kept:
        seen: list[int] = []
        kept.billing.on_exchange = lambda: seen.append(len(kept.journal.open))
        assert kept.keeper.try_hold(SUBJECT, 50) is None
        hold = await kept.hold(50)
        assert seen[0] == 1, "billing heard of a lease that no journal knew"
        assert (hold.units, hold.lease.held_units) == (50, 50)
        assert kept.journal.open == {hold.lease.lease_id: SUBJECT}
        assert kept.keeper.totals() == (1, 100, 50)


async def test_later_requests_are_decided_in_memory() -> None:
    async with keeping(reserve=1_000) as kept:
        kept.keeper.settle(await kept.hold(10), 10)
        before = kept.billing.exchanges
        for _ in range(20):
            hold = kept.keeper.try_hold(SUBJECT, 10)
            assert hold is not None
            kept.keeper.settle(hold, 10)
        assert kept.billing.exchanges == before


async def test_a_balance_that_is_short_says_what_it_covers() -> None:
    async with keeping(balance=40) as kept:
        with pytest.raises(BalanceShortError) as caught:
            await kept.hold(41)
        assert caught.value.spendable_units == 40
        assert (await kept.hold(40)).units == 40


async def test_room_that_others_hold_is_not_a_short_balance() -> None:
    async with keeping(balance=100) as kept:
        kept.billing.held_by_others = 80
        with pytest.raises(RoomHeldError):
            await kept.hold(50)


async def test_room_that_others_give_back_in_time_is_used() -> None:
    async with keeping(balance=100) as kept:
        kept.billing.held_by_others = 80
        waiting = asyncio.create_task(kept.hold(50))
        await kept.exchanged()
        kept.billing.held_by_others = 0
        kept.now += 1
        assert (await waiting).units == 50


async def test_a_billing_that_is_away_is_told_apart_from_a_short_balance() -> None:
    async with keeping() as kept:
        kept.billing.is_away = True
        with pytest.raises(BillingUnreachableError):
            await kept.hold(10)


async def test_with_billing_away_the_room_in_hand_is_used_until_the_lease_lapses() -> None:
    async with keeping() as kept:
        kept.keeper.settle(await kept.hold(10), 0)
        kept.billing.is_away = True
        kept.now += 599
        held = kept.keeper.try_hold(SUBJECT, 1)
        assert held is not None
        kept.keeper.settle(held, 0)
        kept.now += 2
        assert kept.keeper.try_hold(SUBJECT, 1) is None
        with pytest.raises(BillingUnreachableError):
            await kept.hold(1)


async def test_who_waits_is_served_in_order_when_a_request_ends() -> None:
    """A large request is not starved by small ones that come after it."""
    async with keeping(balance=100) as kept:
        first = await kept.hold(90)
        served: list[int] = []

        async def wait(units: int) -> None:
            await kept.hold(units)
            served.append(units)

        waiting = [asyncio.create_task(wait(units)) for units in (80, 5, 6)]
        await kept.exchanged()
        assert served == []
        assert kept.keeper.try_hold(SUBJECT, 1) is None, "overtook those who wait"
        kept.keeper.settle(first, 0)
        await asyncio.gather(*waiting)
        assert served == [80, 5, 6]
        assert kept.keeper.totals()[2] == 91


async def test_a_client_that_leaves_while_waiting_leaks_nothing() -> None:
    async with keeping(balance=100) as kept:
        first = await kept.hold(100)
        waiting = [asyncio.create_task(kept.hold(60)) for _ in range(3)]
        await kept.exchanged()
        waiting[0].cancel()
        kept.keeper.settle(first, 0)  # serves the second before the cancelled one has run
        waiting[1].cancel()
        waiting[2].cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in done)
        assert kept.keeper.totals()[2] == 0
        assert (await kept.hold(100)).units == 100


async def test_a_client_that_leaves_as_it_is_refused_leaves() -> None:
    async with keeping(balance=10) as kept:
        waiting = asyncio.create_task(kept.hold(60))
        await kept.until(lambda: kept.billing.exchanges > 0)
        waiting.cancel()
        with pytest.raises((asyncio.CancelledError, BalanceShortError)):
            await waiting
        assert kept.keeper.totals()[2] == 0
        assert kept.keeper._waiters == {}


async def test_a_lease_that_billing_closed_is_replaced() -> None:
    async with keeping() as kept:
        hold = await kept.hold(10)
        kept.billing.closes_all = True
        kept.now += 6
        await kept.until(lambda: hold.lease.is_closed)
        kept.billing.closes_all = False
        other = await kept.hold(20)
        assert other.lease.lease_id != hold.lease.lease_id
        kept.keeper.settle(hold, 7)
        await kept.until(lambda: hold.lease.lease_id in kept.billing.closed)
        assert kept.billing.closed[hold.lease.lease_id] == 7
        await kept.until(lambda: set(kept.journal.open) == {other.lease.lease_id})


async def test_who_waits_when_billing_closes_the_lease_goes_on_under_a_new_one() -> None:
    async with keeping(balance=100) as kept:
        first = await kept.hold(100)
        waiting = asyncio.create_task(kept.hold(50))
        await kept.exchanged()
        kept.billing.closes_all = True
        kept.now += 1
        await kept.until(lambda: first.lease.is_closed)
        kept.billing.closes_all = False
        kept.now += 1
        assert (await waiting).lease is not first.lease


async def test_an_idle_lease_is_closed_and_forgotten() -> None:
    async with keeping() as kept:
        hold = await kept.hold(10)
        kept.keeper.settle(hold, 4)
        kept.now += 601
        await kept.until(lambda: not kept.journal.open)
        assert kept.billing.closed == {hold.lease.lease_id: 4}
        assert kept.keeper.totals() == (0, 0, 0)


async def test_at_the_end_what_is_in_flight_stays_written_down() -> None:
    async with keeping() as kept:
        hold = await kept.hold(10)
        await kept.keeper.close_all()
        assert kept.billing.closed == {}
        assert list(kept.journal.open) == [hold.lease.lease_id]
        kept.keeper.settle(hold, 3)
        await kept.keeper.close_all()
        await kept.keeper.close_all()
        assert kept.billing.closed == {hold.lease.lease_id: 3}
        assert kept.journal.open == {}


async def test_a_close_that_billing_did_not_hear_stays_written_down() -> None:
    async with keeping() as kept:
        kept.keeper.settle(await kept.hold(10), 3)
        kept.billing.is_away = True
        await kept.keeper.close_all()
        assert len(kept.journal.open) == 1


async def test_heartbeats_come_at_their_interval_and_not_more_often() -> None:
    async with keeping() as kept:
        kept.keeper.settle(await kept.hold(10), 0)
        for _ in range(3):
            before = kept.billing.exchanges
            kept.now += 4.9
            await asyncio.sleep(0.1)  # five turns of the keeper
            assert kept.billing.exchanges == before
            kept.now += 0.2
            await kept.exchanged()
            await asyncio.sleep(0.1)
            assert kept.billing.exchanges == before + 1


async def test_a_scarce_subject_is_asked_for_no_reserve_and_told_of_often() -> None:
    async with keeping(balance=60, reserve=500) as kept:
        kept.billing.others_wait = True
        hold = await kept.hold(50)
        assert hold.lease.is_scarce
        for _ in range(3):
            kept.now += 0.03
            await kept.exchanged()
        assert kept.billing.asked[-1].want_total == 50
        kept.keeper.settle(hold, 0)


async def test_nobody_who_waits_makes_the_keeper_spin() -> None:
    async with keeping(balance=100) as kept:
        first = await kept.hold(100)
        waiting = [asyncio.create_task(kept.hold(50)) for _ in range(20)]
        await kept.exchanged()
        before = kept.billing.exchanges
        await asyncio.sleep(0.2)  # the fake clock stands still: nothing is due again
        assert kept.billing.exchanges - before <= 2
        kept.keeper.settle(first, 0)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(result, Hold) for result in done) == 2


async def test_a_billing_that_is_away_is_not_hammered() -> None:
    async with keeping() as kept:
        kept.billing.is_away = True
        waiting = [asyncio.create_task(kept.hold(1)) for _ in range(50)]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in done} == {BillingUnreachableError}
        assert kept.billing.exchanges <= 6
