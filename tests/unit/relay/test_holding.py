"""What a request sets aside of its key and its account: all of it or none, whatever goes wrong."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from services.relay.admission import Terms
from services.relay.errors import RelayError
from services.relay.leases.holding import Holding
from services.relay.leases.holds import (
    BalanceShortError,
    BillingUnreachableError,
    Hold,
    HoldError,
    RoomHeldError,
)
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.leasing import Lease, LeaseLimits
from shared.events.requests import ErrorCode
from tests.unit.relay.made import caller, facts, offer

LIMITED = caller(key={"unlimited_quota": False})
KEY, ACCOUNT = "key:70", "account:7"


@dataclass
class Keeper:
    """Gives what it is asked for at once, but for what `fails` or waits for ever."""

    fails: dict[str, BaseException] = field(default_factory=dict)
    waits: str = ""
    taken: list[str] = field(default_factory=list)
    held_units: dict[str, int] = field(default_factory=dict)

    def try_hold(self, subject: str, units: int) -> Hold | None:
        if subject in self.fails or subject == self.waits:
            return None
        self.taken.append(subject)
        self.held_units[subject] = self.held_units.get(subject, 0) + units
        lease = Lease(lease_id=f"of {subject}", subject=subject, limits=LeaseLimits(), now=0)
        return Hold(lease, units)

    async def hold(self, subject: str, units: int) -> Hold:
        del units
        if subject == self.waits:
            await asyncio.Event().wait()
        raise self.fails[subject]

    def settle(self, hold: Hold, used_units: int) -> None:
        assert used_units == 0
        self.held_units[hold.lease.subject] -= hold.units


def holding(keeper: Keeper) -> Holding:
    return Holding(cast("LeaseKeeper", keeper))


def terms(units: int) -> Terms:
    return Terms(offer=offer(), prompt_tokens=1, output_tokens=1, hold_units=units)


async def test_a_limited_key_holds_of_itself_and_then_of_its_account() -> None:
    keeper = Keeper()
    holds = await holding(keeper).take(LIMITED, facts(), terms(5))
    assert [hold.lease.subject for hold in holds] == keeper.taken == [KEY, ACCOUNT]
    unlimited = await holding(keeper).take(caller(), facts(), terms(5))
    assert [hold.lease.subject for hold in unlimited] == [ACCOUNT]
    assert await holding(keeper).take(LIMITED, facts(), terms(0)) == ()


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (BalanceShortError(3), 403, ErrorCode.INSUFFICIENT_QUOTA),
        (RoomHeldError(), 429, ErrorCode.QUOTA_HELD),
        (BillingUnreachableError(), 503, ErrorCode.LEASE_UNAVAILABLE),
        (OSError(), 503, ErrorCode.JOURNAL_FULL),
    ],
)
async def test_what_the_account_cannot_give_is_given_back_to_the_key(
    failure: HoldError, status: int, code: ErrorCode
) -> None:
    keeper = Keeper(fails={ACCOUNT: failure})
    with pytest.raises(RelayError) as caught:
        await holding(keeper).take(LIMITED, facts(), terms(5))
    assert (caught.value.http_status, caught.value.code) == (status, code)
    assert keeper.held_units == {KEY: 0}


async def test_a_request_that_ends_while_it_waits_leaves_nothing_held() -> None:
    keeper = Keeper(waits=ACCOUNT)
    taking = asyncio.create_task(holding(keeper).take(LIMITED, facts(), terms(5)))
    async with asyncio.timeout(5):
        while KEY not in keeper.taken:
            await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert keeper.held_units == {KEY: 0}
